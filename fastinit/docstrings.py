"""What docstrings of one module share stands once, and is written out where they are read: in an IDE, alone."""

import re
from collections.abc import Mapping


def written_out(text: str, paragraphs: Mapping[str, str]) -> str:
    """The text with each line that is a mark such as <stream> replaced by its paragraph, indented as the mark is."""

    def paragraph(found: re.Match[str]) -> str:
        indent, mark = found.groups()
        return "\n".join(indent + line if line else line for line in paragraphs[mark].split("\n"))

    return re.sub(r"^( *)(<[a-z ]+>)$", paragraph, text, flags=re.M)
