"""What customers want of a parcel: that it comes, whole, complete and to the right door."""

# ruff: noqa: E501 - a sentence of the grammar stays on one line, however many ways it has.

from __future__ import annotations

from training.starter.intent import HOURS, PARTS, PRICE, SHORT, WEEKS, Intent, Policy, same
from training.starter.words import ITEMS

DELIVERIES = (
    Intent(
        name="late delivery",
        items=ITEMS,
        numbers=SHORT,
        policies=(
            Policy(
                "parcels arrive within {n} working days",
                (
                    "the {item} arrives within {n} working days",
                    "we allow {n} working days for delivery",
                    "your {item} should be there within {n} working days",
                ),
            ),
            Policy(
                "a delivery takes up to {n} working days",
                (
                    "a parcel [takes|may take] up to {n} working days",
                    "delivery of the {item} takes up to {n} working days",
                    "you may have to wait {n} working days",
                ),
            ),
            Policy(
                "lost parcels are replaced after {n} days",
                (
                    "a lost parcel is replaced after {n} days",
                    "you get a new {item} after {n} days",
                    "we send another {item} after {n} days",
                ),
            ),
        ),
        conditions=("the address is complete", "the order is paid", "the carrier has no delays"),
        questions=(
            "Where is my {item}? I [have been waiting|have waited] [for ages|since {day}|far too long].",
            "The {item} [has still not arrived|is late|should have been here by now]. [When does it come|Where is it|What is going on]?",
            "My parcel with the {item} [has not moved|is stuck somewhere|seems to be lost]. Can you [check|look into it]?",
            "[How long|How many days] does delivery of a {item} take?",
            "I needed the {item} for [a birthday|the weekend|a trip] and it is not here. What [do I do|happens] now?",
            "The tracking page [shows nothing|never changes|says nothing new]. [Is my {item} lost|When will the {item} come]?",
        ),
        topics=("the late parcel", "your delivery", "the {item} on its way"),
        sorrows=(
            "the {item} is late",
            "the {item} has not [arrived|reached you]",
            "you are still waiting for the {item}",
        ),
        bends=(
            "have the {item} with you in {m} days",
            "send [a new|another] {item} today without waiting",
            "promise delivery within {m} days",
            "ship a second {item} by courier in {m} days",
            "refund the whole order after {m} days",
        ),
        steps=(
            "look at the tracking page [tonight|in the morning]",
            "ask your neighbours about the parcel",
            "check the address in your account",
            "keep your phone near for the driver",
        ),
        is_owned=True,
    ),
    Intent(
        name="damaged item",
        items=ITEMS,
        numbers=SHORT,
        policies=(
            Policy(
                "damage must be reported within {n} days",
                (
                    "damage [has to|must] be reported within {n} days",
                    "you have {n} days to report the damage",
                    "we need your report within {n} days",
                ),
            ),
            Policy(
                "broken goods are replaced within {n} days of a report",
                (
                    "we replace a broken {item} within {n} days of the report",
                    "a new {item} goes out within {n} days of your report",
                    "you get a new {item} {n} days after the report",
                ),
            ),
            Policy(
                "customers report damage no later than {n} days after delivery",
                (
                    "damage is reported no later than {n} days after delivery",
                    "reports about a damaged {item} count for {n} days after delivery",
                    "you can report the broken {item} for {n} days after delivery",
                ),
            ),
        ),
        conditions=("there is a photo", "the box was kept", "the damage is from transport"),
        questions=(
            "The {item} [arrived broken|came with a crack|is damaged|has a big scratch]. What [do I do|happens] now?",
            "I opened the box and the {item} was [cracked|bent|in pieces|scratched]. [Can I get a new one|Who pays for this]?",
            "One side of the {item} is [dented|torn|cracked]. [Will you replace it|Do I get a new one|Is that covered]?",
            "The driver dropped [the box|the parcel] and now the {item} is [broken|damaged]. [What now|Who replaces it]?",
            "My new {item} was broken [on arrival|when it came]. [How long do I have to report it|How do I report this]?",
            "Is it normal that the {item} comes with [a crack|scratches|a broken corner]? I want [a new one|it replaced].",
        ),
        topics=("the damage", "the broken {item}", "your damaged {item}"),
        sorrows=(
            "the {item} arrived [damaged|broken]",
            "the {item} was [hurt|damaged] on the way",
            "you received a broken {item}",
        ),
        bends=(
            "send a new {item} even after {m} days",
            "replace the {item} without any photo",
            "accept your report for {m} days",
            "have a new {item} there in {m} days",
            "give you half the price back and leave the {item} with you",
        ),
        steps=(
            "take a photo of the {item} and the box",
            "keep the broken parts",
            "send one picture of the damage",
            "leave the {item} in the box",
        ),
        is_owned=True,
    ),
    Intent(
        name="missing part",
        items=PARTS,
        numbers=SHORT,
        policies=(
            Policy(
                "missing parts are sent within {n} days",
                (
                    "a missing part is sent within {n} days",
                    "we send parts for the {item} within {n} days",
                    "the part leaves our store within {n} days",
                ),
            ),
            Policy(
                "spare parts are free for {n} days after delivery",
                (
                    "parts for the {item} are free for {n} days",
                    "spare parts cost nothing for {n} days after delivery",
                    "you pay nothing for parts in the first {n} days",
                ),
            ),
            Policy(
                "customers report missing parts within {n} days",
                (
                    "you have {n} days to report a missing part",
                    "a missing part is reported within {n} days",
                    "we need your report about the part within {n} days",
                ),
            ),
        ),
        conditions=("the part is on the list", "the box is kept", "there is a photo"),
        questions=(
            "A [screw|part|cable|handle|wheel] is missing from my {item}. Can you send [one|it]?",
            "The {item} came without [the manual|a cable|the screws|its cover]. What [now|do I do]?",
            "I cannot [build|use|finish] the {item} because a [part|piece|screw] is missing. [What now|Who sends it]?",
            "[Where|How] do I get [a spare part|spare parts|a missing part] for the {item}?",
            "How long does it take to get a [missing|new] part for a {item}?",
            "There is a hole in the {item} where a [screw|handle|button] should be. Can you help?",
        ),
        topics=("the missing part", "the part", "a part for the {item}"),
        sorrows=("a part is missing", "the {item} came without a part"),
        bends=(
            "send the part in {m} days by courier",
            "send a whole new {item} for one small part",
            "give you free parts for {m} days",
            "take the part from another {item}",
            "bring the part to your door within {m} days",
        ),
        steps=(
            "count the parts on the list",
            "tell me the number of the part",
            "look under the foam in the box",
            "send a picture of the {item}",
        ),
        is_owned=True,
    ),
    Intent(
        name="wrong item",
        items=ITEMS,
        numbers=SHORT,
        policies=(
            Policy(
                "wrong goods are collected within {n} days",
                (
                    "a wrong item is collected within {n} days",
                    "our driver collects the wrong box within {n} days",
                    "we pick up the wrong item within {n} days",
                ),
            ),
            Policy(
                "customers report a wrong item within {n} days",
                (
                    "you have {n} days to report the wrong item",
                    "a mix-up is reported within {n} days",
                    "we need to know about a wrong {item} within {n} days",
                ),
            ),
            Policy(
                "a wrong item is replaced in {n} days",
                (
                    "the right {item} is sent in {n} days",
                    "we send the {item} you ordered in {n} days",
                    "a mix-up is put right in {n} days",
                ),
            ),
        ),
        conditions=("the box is unopened", "the packing slip is there", "somebody is at home"),
        questions=(
            "I ordered a {item} and [got something else|found socks in the box|received the wrong thing]. What now?",
            "This is not the {item} I [ordered|paid for|chose]. [Can you fix it|What do I do with it|Where is mine]?",
            "You sent [the wrong {item}|a {colour} {item} instead of mine|somebody else's {item}]. [Please help.|How do we swap them?|Who picks it up?]",
            "The box says {item} but [it is something else|there is a toy in it]. [Who collects it|When do I get mine]?",
            "My {item} is the wrong [colour|size|model]. [Will you collect it|Can you send the right one]?",
        ),
        topics=("the wrong parcel", "the mix-up", "the {item} you ordered"),
        sorrows=("the wrong thing came", "the {item} was mixed up", "you did not get the right {item}"),
        bends=(
            "let you keep the wrong item for nothing",
            "send the right {item} in {m} days",
            "collect the box after {m} days",
            "send two {items} to make up for it",
            "wait {m} days for the wrong box",
        ),
        steps=(
            "close the box again",
            "leave the box with a neighbour",
            "put the packing slip on top",
            "tell me what is in the box",
        ),
    ),
    Intent(
        name="change of address",
        items=ITEMS,
        numbers=HOURS,
        policies=same(
            (
                "the address can be changed within {n} hours",
                "customers may correct an address for {n} hours",
                "a new address is accepted up to {n} hours after ordering",
            ),
            (
                "you can change the address within {n} hours",
                "an address stays open for {n} hours after the order",
                "you have {n} hours to correct the address",
                "we send the {item} elsewhere if you tell us within {n} hours",
                "the address for the {item} can be changed for {n} hours",
                "a new address is accepted for {n} hours",
            ),
        ),
        conditions=("the parcel has not left", "the new address is in the same country", "the order is paid"),
        questions=(
            "I [moved last week|have moved|am moving on {day}|am moving to another town]. Can you send the {item} to my new address?",
            "[Can I|Could I|How do I] change the address for my {item}?",
            "I typed the wrong [street|house number|town] for the {item}. [Can you fix it|Is it too late|What now]?",
            "Please send the {item} to [my office|my {relative}|my neighbour] instead. Is that [possible|all right]?",
            "The {item} is going to my old [flat|house|address]. [How do I change that|Can you correct it]?",
            "Until when can I change the delivery address of [the|my] {item}?",
        ),
        topics=("the new address", "your address", "the delivery of the {item}"),
        sorrows=("the address was wrong", "the {item} is going to the wrong place"),
        bends=(
            "change the address after {m} hours",
            "send the {item} anywhere you like",
            "redirect the {item} even {m} hours later",
            "keep the address open for {m} hours",
            "ask the driver to turn around with the {item}",
        ),
        steps=(
            "write the new address in full",
            "check the house number twice",
            "save the new address in your account",
            "tell your neighbours about the parcel",
        ),
    ),
    Intent(
        name="pick up",
        items=ITEMS,
        numbers=SHORT,
        policies=same(
            (
                "orders wait in the store for {n} days",
                "a parcel can be picked up for {n} days",
                "goods are held at the counter for {n} days",
            ),
            (
                "the {item} waits at the store for {n} days",
                "you can pick up the {item} within {n} days",
                "we hold a parcel for {n} days",
                "a parcel goes back after {n} days",
                "you have {n} days to collect the {item}",
                "the counter keeps your parcel for {n} days",
            ),
        ),
        conditions=("the order is paid", "a passport is shown", "the store has room"),
        questions=(
            "[Can I|Could I] pick up the {item} [myself|in the store|on {day}]?",
            "How long do you keep my {item} [at the store|at the counter|for me]?",
            "I am [away|ill|travelling] and cannot pick up the {item}. [How long does it wait|Will you keep it]?",
            "[Can|May] my {relative} pick up the {item} for me?",
            "Is my {item} ready [to be picked up|at the store]? I cannot come before {day}.",
            "I missed the day to [collect|pick up] my {item}. Is it [gone|still there]?",
        ),
        topics=("picking up the {item}", "your parcel", "the parcel at the store"),
        sorrows=("you could not come",),
        bends=(
            "keep the {item} for {m} days",
            "hold the parcel {m} days for you",
            "bring the {item} to your door after work",
            "leave the {item} with the baker next door",
            "wait {m} days before it goes back",
        ),
        steps=(
            "bring the message with the order number",
            "come before the store closes",
            "ring the bell at the side door",
            "ask for the parcel at the counter",
        ),
    ),
    Intent(
        name="shipping cost",
        items=ITEMS,
        numbers=PRICE,
        policies=same(
            (
                "shipping is free from {n} euros",
                "orders above {n} euros ship for free",
                "customers pay no shipping from {n} euros",
            ),
            (
                "shipping is free from {n} euros",
                "you pay no shipping from {n} euros",
                "orders above {n} euros ship for free",
                "the {item} ships for free if the cart holds {n} euros",
                "the fee falls away at {n} euros",
                "delivery costs nothing from {n} euros",
            ),
        ),
        conditions=("the address is on the mainland", "it is one parcel", "the order is paid by card"),
        questions=(
            "What does shipping cost for [a {item}|the {item}|one {item}]?",
            "[Is|When is] shipping free? I [want|plan] to order a {item}.",
            "Why [do I pay|am I charged] for shipping on the {item}?",
            "[Can you|Could you] send the {item} without the shipping fee?",
            "Is delivery of the {item} [free|included|extra]?",
            "The cart adds a fee to my {item}. [How do I avoid it|Is that right|Can you remove it]?",
        ),
        topics=("the shipping cost", "the fee", "shipping the {item}"),
        sorrows=("the fee was a surprise",),
        bends=(
            "ship the {item} for free from {m} euros",
            "drop the fee [today|altogether]",
            "lower the limit to {m} euros for you",
            "pay the shipping of the {item} myself",
            "count {m} euros as enough",
        ),
        steps=(
            "add a small thing to the cart",
            "look at the total before you pay",
            "put everything into one order",
            "choose the slow delivery at the checkout",
        ),
    ),
    Intent(
        name="stock",
        items=ITEMS,
        numbers=WEEKS,
        policies=(
            Policy(
                "sold out goods return within {n} weeks",
                (
                    "the {item} is back within {n} weeks",
                    "a sold out {item} returns within {n} weeks",
                    "you have to wait {n} weeks at most",
                ),
            ),
            Policy(
                "new stock arrives every {n} weeks",
                (
                    "new stock [comes|arrives] every {n} weeks",
                    "the shelf is filled every {n} weeks",
                    "we get more of the {item} every {n} weeks",
                ),
            ),
            Policy(
                "a reserved item is held for {n} weeks",
                (
                    "we hold a reserved {item} for {n} weeks",
                    "you can reserve the {item} for {n} weeks",
                    "a {item} with your name on it waits for {n} weeks",
                ),
            ),
        ),
        conditions=("the maker delivers on time", "the colour is still made", "a deposit is paid"),
        questions=(
            "[When is|When will] the {colour} {item} [back in stock|available again|back]?",
            "The {item} is sold out. [When does it return|Will you get more|Can you reserve one]?",
            "Do you [still have|have] a {colour} {item}?",
            "[Can I|Could I] reserve a {item} [for my {relative}|for the holidays|before it is gone]?",
            "Your page says no {item} is left. [Is that true|For how long|When do I try again]?",
            "I [want|need] three {items} and you have [only one|none]. When do more come?",
        ),
        topics=("the stock", "the sold out {item}", "the {item} you want"),
        sorrows=("the {item} is sold out", "no {item} was left for you"),
        bends=(
            "find you a {item} in {m} weeks",
            "hold the last {item} for {m} weeks",
            "take a {item} from the shop window for you",
            "order one from the maker within {m} weeks",
            "put your name on a {item} for {m} weeks",
        ),
        steps=(
            "press the bell on the page of the {item}",
            "look at the page again on {day}",
            "leave your email address on the page",
            "tell me which colour you prefer",
        ),
    ),
)
