"""A log's side of witnessing: whom it asks for cosignatures, how many are enough, what it signs."""
