"""What the parts of the network are worth: variants of one network, trained on equal budgets."""
