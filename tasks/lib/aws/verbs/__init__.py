"""What is done with functions that are on AWS already."""
