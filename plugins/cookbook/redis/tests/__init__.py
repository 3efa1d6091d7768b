import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SDK = ROOT / "vendor" / "seaworthy-check"
sys.path[:0] = [str(ROOT / "src"), str(SDK), str(SDK / "bindings")]
