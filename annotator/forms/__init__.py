"""The shape of what people type, a module per noun. What is true is for services to say."""
