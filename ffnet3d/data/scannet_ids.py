"""The numbers that ScanNet itself gives to the classes of its benchmarks, in the order of our labels.

Label i of the 20 classes is NYU40's class `SCANNET20_IDS[i]`; label i of the 200 is the category
`SCANNET200_IDS[i]` of ScanNet's label table. Submissions carry these numbers.
"""

from __future__ import annotations

from ffnet3d.data.classes import SCANNET200


def _numbers(text: str) -> tuple[int, ...]:
    """Numbers from a text like `1-3 7`, ranges with both ends."""
    ends = [tuple(map(int, part.split("-"))) for part in text.split()]
    return tuple(number for span in ends for number in range(span[0], span[-1] + 1))


SCANNET20_IDS = _numbers("1-12 14 16 24 28 33-34 36 39")

SCANNET200_IDS = _numbers(
    """
    1-11 13-19 21-24 26-29 31-36 38-42 44-52 54-59 62-80 82 84 86-90 93 95-107 110 112 115-116 118
    120-122 125 128 130-132 134 136 138-141 145 148 154-157 159 161 163 165-166 168-170 177 180 185 188
    191 193 195 202 208 213-214 221 229-230 232-233 242 250 261 264 276 283 286 300 304 312 323 325 331
    342 356 370 392 395 399 408 417 488 540 562 570 572 581 609 748 776 1156 1163-1176 1178-1191
    """
)

# h, c, t: whether a class of the 200 belongs to the head, the common classes or the tail, by its frequency.
_FREQUENCIES = (
    "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhchhhcccchcchhchhhhchcccccchhhhchhcchtccchcthccchhchtcttcccchttctccc"
    "hhtcccctcccttctcthhtcttttcttccctttccttttttcttccttttcttctttttttthttttcctchhhccccthtctttcttttctttttctc"
)

SCANNET200_HEAD = tuple(label for label, kind in enumerate(_FREQUENCIES) if kind == "h")
"""Labels of the 66 most frequent classes of the 200."""

SCANNET200_COMMON = tuple(label for label, kind in enumerate(_FREQUENCIES) if kind == "c")
"""Labels of the 68 classes between head and tail."""

SCANNET200_TAIL = tuple(label for label, kind in enumerate(_FREQUENCIES) if kind == "t")
"""Labels of the 66 least frequent classes."""

_TRAIN_ONLY_IDS = _numbers("121 221 286 331 399 572 581 1174 1178 1183 1190")

SCANNET200_VALIDATION = tuple(
    label for label in range(len(SCANNET200)) if SCANNET200_IDS[label] not in _TRAIN_ONLY_IDS
)
"""Labels of the 189 classes that the validation scans hold; the other 11 stand in training scans only."""

TEST_SCENES = tuple(f"scene{place:04d}_00" for place in range(707, 807))
"""The benchmark's 100 hidden test scans."""
