"""What is in each zip, as a page to look at."""
