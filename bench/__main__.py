"""`python -m bench`: the benchmark tables."""

import sys

from bench.run import main

sys.exit(main())
