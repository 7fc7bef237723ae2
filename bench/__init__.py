"""What Rempart costs: the demonstration (`make demo`) and the benchmark tables (`make bench`)."""
