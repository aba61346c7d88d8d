# Made by tools/make from fastinit/schemes.py. The schemes that are a draw and a scale.

cdef class Generator(Draws):
    __doc__ = Draws.__doc__

    def xavier_uniform(
        self, out, fan_in=None, fan_out=None, gain=1.0, *,
        layout=None, stream=None, streams=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with tanh: U[-a, a), a = gain sqrt(6 / (fan_in + fan_out)). Also glorot_uniform.

        Parameters
        ----------
        <out>
        <fans>
        <gain>
        <layout>
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``uniform(out, -a, a)``, whose variance is 2 gain**2 / (fan_in + fan_out). The variance is a compromise
        between that which keeps the variance of the activations (1 / fan_in) and that which keeps the gradients' (1 /
        fan_out). Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS 2010, equation 16.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).xavier_uniform(np.empty((2, 3), np.float32), 2, 3)
        >>> a = np.sqrt(6 / 5)
        >>> np.array_equal(w, fastinit.Generator(42).uniform(np.empty_like(w), -a, a))
        True
        """
        check_self(self)
        cdef fi_scheme scheme = scheme_of(FI_FAN_SUM, 2, positive("gain", gain))
        return self.fill_scheme(
            out, &scheme, FI_SCHEME_UNIFORM, fan_in, fan_out, layout, stream, streams, offset, global_shape,
            accumulate
        )

    glorot_uniform = xavier_uniform

    def xavier_normal(
        self, out, fan_in=None, fan_out=None, gain=1.0, *,
        layout=None, bint truncated=False, stream=None, streams=None, offset=None, global_shape=None,
        bint accumulate=False
    ):
        """
        Fills an array for layers with tanh: N(0, 2 gain**2 / (fan_in + fan_out)). Also glorot_normal.

        Parameters
        ----------
        <normal out>
        <fans>
        <gain>
        <layout>
        <truncated>
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``normal(out, 0.0, gain * sqrt(2 / (fan_in + fan_out)))``. The variance is a compromise between that
        which keeps the variance of the activations (1 / fan_in) and that which keeps the gradients' (1 / fan_out).
        Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
        2010, equation 12.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).xavier_normal(np.empty((2, 3), np.float32), 2, 3)
        >>> std = np.sqrt(2 / 5)
        >>> np.array_equal(w, fastinit.Generator(42).normal(np.empty_like(w), 0.0, std))
        True
        """
        check_self(self)
        cdef fi_scheme scheme = scheme_of(FI_FAN_SUM, 2, positive("gain", gain))
        return self.fill_scheme(
            out, &scheme, normal_or(truncated), fan_in, fan_out, layout, stream, streams, offset, global_shape,
            accumulate
        )

    glorot_normal = xavier_normal

    def he_uniform(
        self, out, fan_in=None, negative_slope=0.0, *,
        fan_out=None, layout=None, stream=None, streams=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with ReLU: U[-a, a), a = sqrt(6 / ((1 + negative_slope**2) fan)). Also
        kaiming_uniform.

        Parameters
        ----------
        <out>
        <fan>
        <slope>
        <layout>
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``uniform(out, -a, a)``, whose variance is 2 / ((1 + negative_slope**2) fan). A rectifier halves the
        second moment of what it passes on, so weights of twice the variance 1 / fan keep it over the layers. Source:
        He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14 and 15.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).he_uniform(np.empty((2, 3), np.float32), 3)
        >>> a = np.sqrt(6 / 3)
        >>> np.array_equal(w, fastinit.Generator(42).uniform(np.empty_like(w), -a, a))
        True
        """
        check_self(self)
        cdef fi_scheme scheme = scheme_of(
            <fi_fan_mode>one_fan(fan_in, fan_out), 2, 1, finite("negative_slope", negative_slope)
        )
        return self.fill_scheme(
            out, &scheme, FI_SCHEME_UNIFORM, fan_in, fan_out, layout, stream, streams, offset, global_shape,
            accumulate
        )

    kaiming_uniform = he_uniform

    def he_normal(
        self, out, fan_in=None, negative_slope=0.0, *,
        fan_out=None, layout=None, bint truncated=False, stream=None, streams=None, offset=None, global_shape=None,
        bint accumulate=False
    ):
        """
        Fills an array for layers with ReLU: N(0, 2 / ((1 + negative_slope**2) fan)). Also kaiming_normal.

        Parameters
        ----------
        <normal out>
        <fan>
        <slope>
        <layout>
        <truncated>
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``normal(out, 0.0, sqrt(2 / ((1 + negative_slope**2) * fan)))``. A rectifier halves the second moment of
        what it passes on, so weights of twice the variance 1 / fan keep it over the layers. Source: He, Zhang, Ren and
        Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14 and 15.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).he_normal(np.empty((2, 3), np.float32), 3)
        >>> std = np.sqrt(2 / 3)
        >>> np.array_equal(w, fastinit.Generator(42).normal(np.empty_like(w), 0.0, std))
        True
        """
        check_self(self)
        cdef fi_scheme scheme = scheme_of(
            <fi_fan_mode>one_fan(fan_in, fan_out), 2, 1, finite("negative_slope", negative_slope)
        )
        return self.fill_scheme(
            out, &scheme, normal_or(truncated), fan_in, fan_out, layout, stream, streams, offset, global_shape,
            accumulate
        )

    kaiming_normal = he_normal

    def lecun_uniform(
        self, out, fan_in=None, *,
        layout=None, stream=None, streams=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with SELU or no activation: U[-a, a), a = sqrt(3 / fan_in).

        Parameters
        ----------
        <out>
        <fan_in>
        <layout>
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``uniform(out, -a, a)``, whose variance is 1 / fan_in. Each unit sums fan_in inputs, so weights of
        variance 1 / fan_in keep the inputs' variance. Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp",
        1998, section 4.6.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).lecun_uniform(np.empty((2, 3), np.float32), 3)
        >>> a = np.sqrt(3 / 3)
        >>> np.array_equal(w, fastinit.Generator(42).uniform(np.empty_like(w), -a, a))
        True
        """
        check_self(self)
        cdef fi_scheme scheme = scheme_of(FI_FAN_IN, 1)
        return self.fill_scheme(
            out, &scheme, FI_SCHEME_UNIFORM, fan_in, None, layout, stream, streams, offset, global_shape,
            accumulate
        )

    def lecun_normal(
        self, out, fan_in=None, *,
        layout=None, bint truncated=False, stream=None, streams=None, offset=None, global_shape=None,
        bint accumulate=False
    ):
        """
        Fills an array for layers with SELU or no activation: N(0, 1 / fan_in).

        Parameters
        ----------
        <normal out>
        <fan_in>
        <layout>
        <truncated>
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``normal(out, 0.0, sqrt(1 / fan_in))``. Each unit sums fan_in inputs, so weights of variance 1 / fan_in
        keep the inputs' variance. Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6; for
        SELU: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).lecun_normal(np.empty((2, 3), np.float32), 3)
        >>> std = np.sqrt(1 / 3)
        >>> np.array_equal(w, fastinit.Generator(42).normal(np.empty_like(w), 0.0, std))
        True
        """
        check_self(self)
        cdef fi_scheme scheme = scheme_of(FI_FAN_IN, 1)
        return self.fill_scheme(
            out, &scheme, normal_or(truncated), fan_in, None, layout, stream, streams, offset, global_shape,
            accumulate
        )

    def lasagne_uniform(
        self, out, fan_in=None, fan_out=None, gain=1.0, *,
        layout=None, stream=None, streams=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array as lasagne.init.GlorotUniform: U[-a, a), a = gain sqrt(6 / (fan_in + fan_out)).

        Parameters
        ----------
        <out>
        <fans>
        <lasagne gain>
        <layout>
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``uniform(out, -a, a)``, whose variance is 2 gain**2 / (fan_in + fan_out); gain="relu" gives a = sqrt(12
        / (fan_in + fan_out)). ``layout="lasagne"`` adds up the fans as Lasagne does: the first two axes, times the
        receptive field. Source: the Lasagne documentation, lasagne.init; Glorot and Bengio, AISTATS 2010.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).lasagne_uniform(np.empty((2, 3), np.float32), gain="relu", layout="lasagne")
        >>> a = np.sqrt(12 / 5)
        >>> np.array_equal(w, fastinit.Generator(42).uniform(np.empty_like(w), -a, a))
        True
        """
        check_self(self)
        cdef fi_scheme scheme = scheme_of_gain_or_relu(FI_FAN_SUM, 2, gain)
        return self.fill_scheme(
            out, &scheme, FI_SCHEME_UNIFORM, fan_in, fan_out, layout, stream, streams, offset, global_shape,
            accumulate
        )

    def lasagne_normal(
        self, out, fan_in=None, fan_out=None, gain=1.0, *,
        layout=None, bint truncated=False, stream=None, streams=None, offset=None, global_shape=None,
        bint accumulate=False
    ):
        """
        Fills an array as lasagne.init.GlorotNormal: N(0, 2 gain**2 / (fan_in + fan_out)).

        Parameters
        ----------
        <normal out>
        <fans>
        <lasagne gain>
        <layout>
        <truncated>
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``normal(out, 0.0, gain * sqrt(2 / (fan_in + fan_out)))``; gain="relu" gives the standard deviation
        sqrt(4 / (fan_in + fan_out)). ``layout="lasagne"`` adds up the fans as Lasagne does: the first two axes, times
        the receptive field. Source: the Lasagne documentation, lasagne.init; Glorot and Bengio, AISTATS 2010.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).lasagne_normal(np.empty((2, 3), np.float32), gain="relu", layout="lasagne")
        >>> std = np.sqrt(4 / 5)
        >>> np.array_equal(w, fastinit.Generator(42).normal(np.empty_like(w), 0.0, std))
        True
        """
        check_self(self)
        cdef fi_scheme scheme = scheme_of_gain_or_relu(FI_FAN_SUM, 2, gain)
        return self.fill_scheme(
            out, &scheme, normal_or(truncated), fan_in, fan_out, layout, stream, streams, offset, global_shape,
            accumulate
        )
