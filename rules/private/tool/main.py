"""The ``__main__`` of the tool. Every Python 3 can read it, so that an old one can say that it is too old."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 (whatever python3 the machine has runs this)
    sys.stderr.write("error: python3 is {}.{} here, and wasmimg needs 3.10 or newer\n".format(*sys.version_info[:2]))
    sys.exit(4)

from wasmimg.bazel.zipped import main

sys.exit(main())
