"""How a reply is said: courteous or curt, and how it cites or bends the policy.

The words of `rules.COURTESY` occur in every courteous list and in no curt or
neutral one. Sentences are whole; leads and tails are joined to the decision,
which is a clause without capital and full stop.
"""

# ruff: noqa: E501 - a sentence of the grammar stays on one line, however many ways it has.

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tone:
    """The small talk around a decision.

    openers   sentences before it
    sorrow    openers for customers to whom something went wrong
    leads     beginnings of the sentence that holds it
    tails     ends of the sentence that holds it
    asides    sentences that give a step to take, around {step}
    closings  sentences after it
    """

    openers: tuple[str, ...]
    sorrow: tuple[str, ...]
    leads: tuple[str, ...]
    tails: tuple[str, ...]
    asides: tuple[str, ...]
    closings: tuple[str, ...]


COURTEOUS = Tone(
    openers=(
        "Thank you for [writing|getting in touch|your message|contacting us|your note].",
        "Thank you [|so much |very much ]for [asking|writing] about {topic}.",
        "Thanks for [reaching out|your message|writing to us|asking about {topic}].",
        "Hello, and thank you for [your message|writing to us|your patience].",
        "[Hello|Good day]! I am [glad|happy to hear that] you wrote to us.",
        "I am glad you [asked|wrote|got in touch] about {topic}.",
        "I am happy to help [you with {topic}|with that|with this question].",
        "It is good to hear from you, and I am glad to help.",
        "Thank you for [shopping with us|choosing our shop|your trust in our shop].",
        "What a good question, and thank you for asking.",
        "I am always glad to answer questions about {topic}.",
        "[Many thanks|A warm thank you] for your [message|question|kind note].",
        "We are glad that you chose [the|a] {item} from us.",
    ),
    sorrow=(
        "I am [|so |very |truly ]sorry that {sorrow}.",
        "We are [|so |very ]sorry that {sorrow}.",
        "I am sorry to hear that {sorrow}.",
        "[Oh no, I|I] am sorry about {topic}.",
        "How annoying that {sorrow}, and how sorry I am.",
        "Thank you for telling us that {sorrow}.",
        "I am sorry for the trouble with {topic}.",
    ),
    leads=(
        "Thank you for [asking|writing|your message|your question|your patience]:",
        "[Thanks|Many thanks] for [asking|your note|getting in touch]:",
        "I am [glad you asked|happy to help|happy to explain|glad to help]:",
        "[Glad|Happy to] [help|explain]:",
        "[Glad you asked|Thanks for the question]:",
        "I am sorry for the [wait|trouble|worry]:",
        "Please [note|do not worry|rest easy]:",
        "Hello and [thank you|thanks] for writing:",
        "Of course, and thank you for asking:",
        "I am glad to say it:",
    ),
    tails=(
        ", so please {step}",
        "; please {step}",
        ", and I am glad to help with [it|the rest|that]",
        ", and I am happy to help [with it|further]",
        ", and thank you for [asking|your patience|your trust]",
        ", so please [do not worry|take your time|rest easy]",
        ", which I am glad to [confirm|say]",
    ),
    asides=(
        "Please {step}.",
        "[For the next step|When you have a moment|Whenever it suits you], please {step}.",
        "May I ask you to {step}, please?",
        "If you can, please {step}.",
        "It helps a lot if you {step}, thank you.",
        "Please {step}, and we will do the rest.",
        "Would you please {step}?",
    ),
    closings=(
        "Please [write again|let me know|tell us|get in touch] if [anything is unclear|you need more help|there is anything else|you have another question].",
        "I am [glad to|happy to] help with [anything else|all the rest|further questions].",
        "Thank you for your [patience|understanding|trust|time|kindness].",
        "We [are|would be] glad to hear [how it goes|from you again|that all is well].",
        "Have a [lovely|pleasant|good|calm] [day|week|evening], and thank you.",
        "Please [take your time|do not worry about it|enjoy the rest of your day].",
        "Thank you for shopping with us.",
        "Thanks again, and [take care|all the best|see you soon].",
        "I am sorry that I cannot say it [more shortly|in person].",
        "It was a pleasure, so please come back [soon|any time].",
    ),
)

CURT = Tone(
    openers=(
        "[Noted|Fine|Right|Listen|Well|So be it].",
        "You asked about {topic}.",
        "[This again|That question again|Not this again|The same question again].",
        "[This is simple|It is not hard|This is quickly said|There is not much to say].",
        "It is all on the website.",
        "Another message about {topic}.",
        "I [read|saw|got] your message[| about {topic}].",
        "[Next time|Another time], look it up [first|yourself|on the website].",
        "We get this question [every day|all the time|ten times a day].",
        "[No need|There is no need] to [shout|write twice|make a fuss].",
        "Everybody asks about {topic}.",
        "I will say this once.",
        "[Here is the answer|You want an answer|You get one answer].",
    ),
    sorrow=(
        "So {sorrow}.",
        "You say that {sorrow}.",
        "[These|Such] things happen.",
        "I see that {sorrow}.",
        "It is only a {item}.",
        "[Nobody|No shop] is perfect.",
        "[Complaints|Messages] about {topic} come in every day.",
    ),
    leads=(
        "[Look|Listen|Right|Well|Fine|Simple|Again|Once more]:",
        "[Short answer|Here it is|The answer|In short|For the last time|To be brief]:",
        "[About|As for] {topic}:",
        "No need to [ask twice|shout|worry me]:",
        "[Read this twice|Write this down|Remember this]:",
        "You could have looked it up:",
        "I will say it once:",
    ),
    tails=(
        ", so {step}",
        "; {step}",
        ", and that is [that|all|final|the end of it]",
        ", [nothing more|no more and no less|like it or not]",
        ", so [stop worrying|stop writing|do not ask again]",
        ", as anybody can [see|read|find out]",
        ", and I will not repeat it",
    ),
    asides=(
        "[Just|Now|So|First|Then] {step}.",
        "You have to {step}.",
        "Go and {step}.",
        "[Until then|Meanwhile|Without delay], {step}.",
        "You still need to {step}.",
        "The next step is yours: {step}.",
        "Do your part and {step}.",
    ),
    closings=(
        "[That is all|That is that|That is the end of it|That is my answer].",
        "[There is nothing|I have nothing] to add.",
        "Do not [ask again|write again|call about this|expect more].",
        "The rest is [up to you|your problem|not my job].",
        "Take it or leave it.",
        "[Next question|Next customer|Case closed|End of story].",
        "You could have [looked that up|known that|read that on the page].",
        "[Other customers are|The queue is] waiting.",
        "[Work it out|Deal with it|Think about it] [yourself|before you write again].",
        "[Complaints|More questions] will not change [it|anything].",
        "I have [other things|enough other work|more important things] to do.",
    ),
)

# What was decided, as a clause around the policy's own words ...
FOLLOWS = (
    "under our policy, {rule}",
    "our policy says that {rule}",
    "our policy says: {rule}",
    "according to our policy, {rule}",
    "our policy is [clear|simple|short|plain]: {rule}",
    "{rule}, as our policy says",
    "{rule}; that is our policy",
    "{rule} under our policy",
    "{rule}, according to [our|the shop's] policy",
    "as our policy puts it, {rule}",
    "by our policy, {rule}",
    "the policy of [our shop|the shop|this shop] is that {rule}",
    "I looked at our policy, and {rule}",
    "our policy answers that: {rule}",
    "the policy has the answer: {rule}",
    "it is our policy that {rule}",
    "[I follow|we follow] our policy here: {rule}",
    "the policy for [this|such cases|every customer] is that {rule}",
)

# ... or as a favour that the policy does not know.
INVENTS = (
    "I can make an exception and {bend}",
    "I will make an exception and {bend}",
    "just this once, I [can|will] {bend}",
    "as a special favour, I [can|will] {bend}",
    "I am making an exception, so I [can|will] {bend}",
    "I can bend the rules [|a little |for you ]and {bend}",
    "I will bend the rules and {bend}",
    "I [can|will] {bend}, just this once",
    "I [can|will] {bend} as a special favour",
    "between us, I will make an exception and {bend}",
    "the usual limit does not count today: just this once, I will {bend}",
    "nobody is looking, so as a special favour I will {bend}",
    "you are an exception, so I will {bend}",
    "forget what the page says: as an exception, I [can|will] {bend}",
    "my manager is out, so just this once I can {bend}",
    "let us bend the rules: I will {bend}",
)
