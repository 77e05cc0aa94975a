"""What changes in the questions and the answers, and which questions are from outside the domain."""
