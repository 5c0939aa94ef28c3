"""``python -m cxlab``."""

import sys

from cxlab.workbook.cli import main

sys.exit(main())
