"""What the programs that run alone share: their door, their certificate, their sealed secrets."""
