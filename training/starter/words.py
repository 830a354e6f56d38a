"""The closed lists that the grammar draws from.

Closed on purpose: each item and each number is one token for the starter's
tokenizer, so that naming the customer's own item is a matter of copying one
token from the prompt. No item starts with a vowel sound; "a {item}" is
always right.
"""

from __future__ import annotations

DEVICES = (
    "blender", "camera", "charger", "clock", "drill", "fan", "grill", "heater", "kettle", "keyboard",
    "lamp", "mixer", "monitor", "printer", "radio", "router", "scooter", "speaker", "tablet", "telescope",
    "toaster", "typewriter", "watch",
)  # fmt: skip

FURNITURE = (
    "bench", "bookcase", "chair", "desk", "hammock", "ladder", "mirror", "sofa", "tent", "tripod", "wheelbarrow",
)  # fmt: skip

THINGS = (
    "backpack", "basket", "blanket", "bottle", "bracelet", "candle", "coat", "curtain", "dress", "globe",
    "guitar", "helmet", "jacket", "mattress", "necklace", "pillow", "puzzle", "raincoat", "rug", "saucepan",
    "scarf", "suitcase", "sweater", "teapot", "vase", "wallet",
)  # fmt: skip

ITEMS = DEVICES + FURNITURE + THINGS

COLOURS = ("black", "blue", "brown", "green", "grey", "red", "white", "yellow")

SHOPS = ("Fernhollow", "the Fernhollow shop", "Fernhollow, an online shop")

NAMES = (
    "Adele", "Bela", "Carla", "Dmitri", "Elin", "Farid", "Greta", "Hana", "Ivo", "Jonas",
    "Kira", "Leo", "Mira", "Nadia", "Omar", "Petra", "Rosa", "Samir", "Tessa", "Yuki",
)  # fmt: skip

RELATIVES = ("aunt", "brother", "daughter", "father", "friend", "husband", "mother", "sister", "son", "wife")

PEOPLE = (
    "my aunt", "my uncle", "my neighbour", "my cousin", "my grandmother", "my manager", "my old teacher",
    "my flatmate", "our bookkeeper", "our driver", "our photographer", "the man from accounts",
    "the woman at the counter", "the new trainee", "my dentist", "my brother",
)  # fmt: skip

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# What a slot of the grammar may hold when the sentence does not fix it.
LISTS = {
    "colour": COLOURS,
    "shop": SHOPS,
    "name": NAMES,
    "person": PEOPLE,
    "day": DAYS,
    "relative": RELATIVES,
}
