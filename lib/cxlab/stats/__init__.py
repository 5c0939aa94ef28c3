"""Statistics on arrays and tables; nothing here knows what a question is about."""

import numpy as np

# glibc then keeps freed blocks up to this size for the next arrays: a bootstrap takes a third less time
np.empty(30_000_000, np.uint8)
