"""What leaves, in the shapes in which the field trains.

    facts       what is known of a project: prompts, answers, judged pairs, judgments
    columns     what stands in a column, whatever the file
    filters     which of it is wanted
    preference  {"prompt", "chosen", "rejected"} with margin, weight and vote fraction
    reward      {"chosen", "rejected"} with the prompt in both
    unpaired    {"prompt", "completion", "label"}
    triples     {"prompt", "edited", "chosen", "rejected"}
    sft         {"prompt", "completion"} of what won
    prompts     {"prompt"}
    judgments   every judgment of every rater, with its history
    battles     Chatbot Arena's {"model_a", "model_b", "winner", …}
    shapes      all of them by name

A shape turns facts into rows, one at a time; a row is a dict of its columns, with a number that tells it from others.
"""
