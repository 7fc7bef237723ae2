"""The methods of tags, one file for each noun."""
