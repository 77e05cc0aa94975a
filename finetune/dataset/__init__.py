"""Training sets: questions with answers, in the prompts that serving makes, split, checked for leaks, with a card."""
