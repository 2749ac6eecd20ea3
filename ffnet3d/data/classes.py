"""Class names and display colours of the data sets, in the order of their label numbers.

Sources: the ScanNet benchmark (20 and 200 classes), and S3DIS (13 classes). A palette holds RGB in 0-255.
"""

from __future__ import annotations

import colorsys

RGB = tuple[int, int, int]


def palette(num_classes: int) -> tuple[RGB, ...]:
    """Colours to show that many classes: the data set's own for 13, 20 and 200, else evenly mixed hues."""
    own = {len(colors): colors for colors in (S3DIS13_PALETTE, SCANNET20_PALETTE, SCANNET200_PALETTE)}
    return own.get(num_classes) or tuple(_hue(number * 0.618034) for number in range(num_classes))


def _hue(turn: float) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(turn % 1, 0.6, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def _names(text: str) -> tuple[str, ...]:
    """Names from a comma-separated text."""
    return tuple(" ".join(name.split()) for name in text.split(","))


def _colors(text: str) -> tuple[RGB, ...]:
    """RGB triples from six-digit hexadecimal numbers."""
    return tuple((int(word[:2], 16), int(word[2:4], 16), int(word[4:], 16)) for word in text.split())


SCANNET20 = _names(
    """
    wall, floor, cabinet, bed, chair, sofa, table, door, window, bookshelf, picture, counter, desk,
    curtain, refrigerator, shower curtain, toilet, sink, bathtub, otherfurniture
    """
)

SCANNET20_PALETTE = _colors(
    """
    aec7e8 98df8a 1f77b4 ffbb78 bcbd22 8c564b ff9896 d62728 c5b0d5 9467bd c49c94 17becf f7b6d2
    dbdb8d ff7f0e 9edae5 2ca02c 708090 e377c2 5254a3
    """
)

SCANNET200 = _names(
    """
    wall, chair, floor, table, door, couch, cabinet, shelf, desk, office chair, bed, pillow, sink,
    picture, window, toilet, bookshelf, monitor, curtain, book, armchair, coffee table, box,
    refrigerator, lamp, kitchen cabinet, towel, clothes, tv, nightstand, counter, dresser, stool,
    cushion, plant, ceiling, bathtub, end table, dining table, keyboard, bag, backpack, toilet
    paper, printer, tv stand, whiteboard, blanket, shower curtain, trash can, closet, stairs,
    microwave, stove, shoe, computer tower, bottle, bin, ottoman, bench, board, washing machine,
    mirror, copier, basket, sofa chair, file cabinet, fan, laptop, shower, paper, person, paper
    towel dispenser, oven, blinds, rack, plate, blackboard, piano, suitcase, rail, radiator,
    recycling bin, container, wardrobe, soap dispenser, telephone, bucket, clock, stand, light,
    laundry basket, pipe, clothes dryer, guitar, toilet paper holder, seat, speaker, column,
    bicycle, ladder, bathroom stall, shower wall, cup, jacket, storage bin, coffee maker,
    dishwasher, paper towel roll, machine, mat, windowsill, bar, toaster, bulletin board, ironing
    board, fireplace, soap dish, kitchen counter, doorframe, toilet paper dispenser, mini fridge,
    fire extinguisher, ball, hat, shower curtain rod, water cooler, paper cutter, tray, shower door,
    pillar, ledge, toaster oven, mouse, toilet seat cover dispenser, furniture, cart, storage
    container, scale, tissue box, light switch, crate, power outlet, decoration, sign, projector,
    closet door, vacuum cleaner, candle, plunger, stuffed animal, headphones, dish rack, broom,
    guitar case, range hood, dustpan, hair dryer, water bottle, handicap bar, purse, vent, shower
    floor, water pitcher, mailbox, bowl, paper bag, alarm clock, music stand, projector screen,
    divider, laundry detergent, bathroom counter, object, bathroom vanity, closet wall, laundry
    hamper, bathroom stall door, ceiling light, trash bin, dumbbell, stair rail, tube, bathroom
    cabinet, cd case, closet rod, coffee kettle, structure, shower head, keyboard piano, case of
    water bottles, coat rack, storage organizer, folded chair, fire alarm, power strip, calendar,
    poster, potted plant, luggage, mattress
    """
)

SCANNET200_PALETTE = _colors(
    """
    aec7e8 bcbd22 98df8a ff9896 d62728 5b87e5 1f77b4 e55b68 f7b6d2 5be56e ffbb78 8d5be5 708090
    c49c94 c5b0d5 2ca02c 9467bd e55bdf dbdb8d c0e55b 58da89 3a6289 b152ef ff7f0e edcc25 29ce20
    3e8f94 220e82 8f2d73 893f0e 17becf 10d48b 5a77c9 7d1e8d 963538 bac53e e377c2 266480 781ff3
    9a3b67 a9894e 8ff56f 25e6cd 0e109b c433b6 ed5026 8aaf3e 9edae5 2660a7 be4df6 d03154 d0c148
    37dc39 0a7d8c 4c26ca bf1c87 d3782a 76ae4c 11f2ab 1441f7 d03dde a23e3c d2eb3e 2d9848 236b95
    a059ed e3387d a98f51 2a8f14 19a097 524be3 fd3bde f08259 7bac2f 47c285 185ecd 8610b3 9f2034
    d5d058 409e46 12a3c2 411d99 b10a6d 985307 53af1e 12c799 3d51d0 d555d8 aa352a a1c026 17f15b
    0c67aa 9729f5 853350 b8a25b 328a26 1fedec 2713d0 df1bb4 fe8d55 619027 6ae7b0 0c3da2 7c428c
    894249 fafd1a 37bf49 3c7e92 996cea b83a7d 87540e 8bf85b 35c8ac 3f4586 be4bba 7f3f34 8db619
    389059 40a0fa b656f5 8b1235 867836 31a52a 338085 2c15a3 e85dc1 b06636 74d911 36d196 3c63cc
    812b90 fc646a bbc449 0d9e28 347a98 804cca bb3273 b48d47 4dd023 48b7a8 6163cb ac169e 9b4028
    769f1e 45fc94 2d67ad 6f2695 b80931 bcae43 35ce35 61ebfc 4220b6 ec72c3 f19a53 85f034 10cd90
    4b65c6 ed5ffb bf3431 e3fe36 31ce57 307196 7d49b6 e52072 9e771c 3ccd1b 12d7c9 4f4c99 860d74
    c0613f 6ca312 5fdc9c 628dd0 9013c1 a62439 d4ca22 17ce22 5bd3ec 4f3789 b61375 864c0e 57b91c
    52e0bb 5c6ed6 a850ab c53f33 afc74d 3eb462 085b96 4d0f82 9a4160 c5980b 3b9b2d 0c9391 3623db
    d249b5 dd7c4d 95d642 48b986 2a5ec6
    """
)

S3DIS13 = _names(
    "ceiling, floor, wall, beam, column, window, door, table, chair, sofa, bookcase, board, clutter"
)

S3DIS13_PALETTE = _colors(
    "00ff00 0000ff 00ffff ffff00 ff00ff 6464ff c8c864 aa78c8 ff0000 c86464 0ac864 c8c8c8 323232"
)
