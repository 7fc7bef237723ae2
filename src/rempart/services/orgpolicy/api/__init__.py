"""The methods, one file for each noun."""
