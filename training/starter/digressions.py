"""What a rambling reply talks about besides the question.

Clauses without capital and full stop, free of the words that mark the other
two axes, without digits and without an item other than the customer's own.
"""

# ruff: noqa: E501 - a sentence of the grammar stays on one line, however many ways it has.

from __future__ import annotations

# How a digression starts when it comes first, and how when something was said before it.
BEGINNINGS = ("", "", "", "as it happens, ", "strangely enough, ", "to tell the truth, ", "before I start, ")
CONNECTORS = (
    "", "", "", "",
    "by the way, ", "as it happens, ", "on another note, ", "before I forget, ", "speaking of the {item}, ",
    "that reminds me: ", "strangely enough, ", "besides, ", "to tell the truth, ", "funnily enough, ", "also, ",
)  # fmt: skip

RETURNS = ("", "", "anyway, ", "back to your question: ", "in any case, ", "now to the point: ", "as for {topic}, ")

DIGRESSIONS = (
    "{person} has the same {item} and [talks about it all day|keeps it near the door|will not lend it to anyone]",
    "{person} [bought|found|was given] a {colour} {item} [last spring|years ago|on {day}] and [still uses it every day|never looked back|gave it a name]",
    "it has [rained|snowed|been foggy] here since {day}, and the [yard|car park|street] is [flooded|a lake|very slippery]",
    "the coffee machine [broke|made a strange noise|stopped working] on {day}, so [everyone is|we are all] [half asleep|in a strange mood|drinking tea]",
    "the shop started [as a stall at the market|in a garage|above a bakery|in a small cellar] many years ago",
    "{person} [says|believes|insists] that a good {item} [lasts for life|brings luck|should be {colour}|is worth every coin]",
    "I had [soup|noodles|a cheese sandwich|plum cake|cold rice] for lunch, and it was [too salty|excellent|rather dry]",
    "the warehouse cat [sleeps|likes to sleep] [on the boxes|in an empty box|between the parcels] [all day|every afternoon|when it rains]",
    "the first {item} we ever sold went to [a baker|a sailor|a retired teacher|the mayor] in [a village by the sea|the next town|the mountains]",
    "{person} [is learning|wants to learn] [the violin|to juggle|Italian|to bake bread], [which takes patience|and the walls here are thin|and we hear about it daily]",
    "the [lift|printer room|back door|heating] has been [out of order|locked|painted] since {day}, and nobody knows [why|who did it|for how long]",
    "[on {day}|last week|yesterday] a [pigeon|squirrel|hedgehog|small dog] walked into the [warehouse|office|store room] and [would not leave|ate a biscuit|slept on a box]",
    "I once [dropped|lost|forgot] my own {item} [on a train|in the rain|at a wedding], and [nobody believed me|I still think about it|it was never the same]",
    "{colour} is the colour that most people [choose|ask for|like] this year, though I prefer [stripes|something plain|no colour at all]",
    "my [bus|train|tram] was late [again|today|this morning], and I read [half a novel|the whole newspaper|an old letter] [on the way|at the stop]",
    "there was a [film|song|book|story] about a {item} when I was young, and I [still know it by heart|forgot how it ends|would love to find it]",
    "{person} [grows|sells|paints] [tomatoes|roses|pumpkins] and [brings them to the office|talks of little else|won a prize on {day}]",
    "the [carpet|wall|sign] in our office is [{colour}|new|older than I am], and [opinions differ|not everybody likes it|I picked it myself]",
    "[people say|I have read|I heard] that the best {item} is made [in the north|by hand|in winter|near the sea]",
    "we [moved|cleaned|counted] the whole warehouse [on {day}|last week], and my back [still hurts|has not forgotten it]",
    "{person} is [on holiday|at the dentist|stuck in traffic|at a conference], so the office is [very quiet|a little empty|full of cake]",
    "I [always wanted|used to want] to be [a pilot|a gardener|a painter|a captain], but [life had other plans|then I found this shop|my mother said no]",
    "{day} is [the busiest day here, and the phone never stops|the quietest day here, and nobody calls|my favourite day, and we eat cake at noon]",
    "the [moon|sun|fog] [was|looked] [very bright|quite strange|beautiful] [this morning|last night], [or so I thought|as {person} noticed too|and I nearly missed my stop]",
    "I have [worked|been] here for [many years|six summers|half my life] and [seen|packed] [hundreds of parcels|more parcels than I can count|all kinds of parcels]",
    "every {item} [has its own story|is a little different|tells you something about its owner], [as {person} likes to say|I believe|if you ask me]",
    "a customer once [used|sent us a picture of] a {item} [on top of a mountain|at the north pole|on a small boat], which [made us laugh|we hung on the wall]",
    "there is [a festival|a market|a race] in town on {day}, and the [streets are|square is] [already full|closed|being decorated]",
    "the [new|old] [driver|trainee|caretaker] [sings|whistles|hums] [all day|in the stairwell|while packing], and [nobody minds|we have all learned the tune]",
    "{person} and I [argued|talked|laughed] about {topic} [for an hour|all morning|on {day}], [without any result|over tea|until the phone rang]",
    "[somebody|{person}] left [a sandwich|an umbrella|a wet sock] [on my keys|beside the phone|in the meeting room], which is [a mystery|not the first time|rather odd]",
    "in [spring|summer|autumn|winter] we sell [twice as many|hardly any|a surprising number] of these, and [nobody knows why|the warehouse hums|I like that]",
    "I dreamed about a {item} last night, [which was strange|and it was {colour}|and then I woke up]",
    "the word {item} is [a funny one|hard to spell|nice to say], [now that I think of it|at least to me|when you repeat it often]",
    "my [first|last] [job|summer job] was in a [bakery|library|circus], and [it was nothing like this|I learned to count there|the hours were long]",
    "[our|the] garden behind the office has [a pear tree|two hens|a little pond], and [I water it on {day}|we eat lunch there|{person} takes care of it]",
)

GRUMBLES = (
    "I have [forty|a hundred|far too many] messages [to read|in front of me|to answer] [before lunch|today|this morning]",
    "the phone [rings|has been ringing] [all day|since {day}|without end], and [nobody else picks it up|my head hurts]",
    "{person} [eats|chews|talks] so loudly that I [cannot think|lose my place|make mistakes]",
    "my break [was over|ended] [before it began|an hour ago|when you wrote]",
    "[nobody|no one] reads the page that [I wrote|took me a week|explains all this], so I write it [again and again|every day]",
    "this [office|room] is [too hot|too cold|too loud], and the window [does not open|is stuck]",
    "people [buy|order] a {item} and then [write me long letters|want to talk about it|blame the shop]",
    "my seat [squeaks|is broken] and [nobody fixes it|the new one never comes]",
)

PLEASANTRIES = (
    "we love [hearing|messages] from people who [own|use|like] a {item}",
    "your message [made my day|was a nice surprise|brightened the morning], and I read it to {person}",
    "people who choose a {item} [have good taste|are always kind], as {person} likes to say",
    "the whole team [sends its greetings|says hello|waves from the warehouse], even {person}",
    "I hope that [the sun is shining|all is well] where you are, because here it has [rained|been grey] since {day}",
    "{person} [packed|chose|wrapped] your {item} [by hand|with great care] and [still remembers it|asked about you]",
)
