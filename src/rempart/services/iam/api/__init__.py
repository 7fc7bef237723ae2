"""One short function for each method of IAM; each noun exports its rows of the table."""
