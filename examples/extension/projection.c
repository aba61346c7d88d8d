/*
 * A random projection whose matrix is never stored, from C without the GIL: an example of docs/c_interface.md.
 *
 * project(x, out, seed, stream) sets out = R x, with R a matrix of normal draws of variance 1 / len(out): element
 * (row, column) is number row * len(x) + column of the stream. It is drawn, used and forgotten, a tile at a time.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <fastinit.h>
#include <math.h>

static const fastinit_api *api;

static float dot(const float *a, const float *b, size_t count) {
    float sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static int project_row(const fastinit_fill *fill, uint64_t row, const float *x, size_t count, float *y) {
    float tile[1024];
    int code = FASTINIT_OK;
    *y = 0;
    for (size_t i = 0; i < count && code == FASTINIT_OK; i += 1024) {
        const size_t part = count - i < 1024 ? count - i : 1024;
        code = api->fill_range(fill, row * count + i, part, tile);
        if (code == FASTINIT_OK) *y += dot(tile, x + i, part);
    }
    return code;
}

/* out = R x; or, where that is refused, a code. */
static int project_rows(float *out, size_t rows, const float *x, size_t count, uint64_t seed, uint64_t stream) {
    fastinit_fill fill = {.seed = seed, .stream = stream};
    int code = api->set_normal(&fill, FASTINIT_FLOAT32, 0, 1 / sqrt((double)rows));
    for (size_t row = 0; row < rows && code == FASTINIT_OK; row++) {
        code = project_row(&fill, row, x, count, &out[row]);
    }
    return code;
}

static int is_vector(const Py_buffer *view) { return view->ndim == 1 && strcmp(view->format, "f") == 0; }

static PyObject *project(PyObject *module, PyObject *arguments) {
    PyObject *x_object, *out_object;
    unsigned long long seed, stream;
    Py_buffer x, out;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOKK", &x_object, &out_object, &seed, &stream)) return NULL;
    if (PyObject_GetBuffer(x_object, &x, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)) return NULL;
    if (PyObject_GetBuffer(out_object, &out, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE)) {
        PyBuffer_Release(&x);
        return NULL;
    }
    const int accepted = is_vector(&x) && is_vector(&out) && out.len > 0;
    int code = FASTINIT_OK;
    if (accepted) {
        Py_BEGIN_ALLOW_THREADS;
        code = project_rows(out.buf, (size_t)out.shape[0], x.buf, (size_t)x.shape[0], seed, stream);
        Py_END_ALLOW_THREADS;
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&out);
    if (!accepted) return PyErr_Format(PyExc_ValueError, "x and out must be float32 vectors, and out not empty");
    if (code != FASTINIT_OK) return PyErr_Format(PyExc_ValueError, "%s", api->message(code));
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"project", project, METH_VARARGS, "project(x, out, seed, stream): out = R x, a random projection."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "projection", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_projection(void) {
    api = fastinit_import();
    return api ? PyModule_Create(&definition) : NULL;
}
