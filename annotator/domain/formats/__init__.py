"""Preference files that others write, read line by line into judged comparisons.

    lines        bytes → numbered lines of bounded length
    records      what every format becomes, and the checks that every field passes
    hh           {"chosen", "rejected"} transcripts of Human and Assistant turns
    trl          {"prompt", "chosen", "rejected"}, plain or as messages
    sharegpt     {"conversations", "chosen", "rejected"}, turns with from and value
    llmfao       a folder of prompts, models, comparisons and the votes on them
    detection    which of them a file is, by its content

A reader yields a JudgedComparison for each good line and a BadLine for each
other one; no input makes it raise.
"""
