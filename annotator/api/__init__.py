"""JSON doors onto the same services as the pages: one class an operation, input and output listed by hand."""
