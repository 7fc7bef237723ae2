"""Keys at rest and in use: the sealing secret, the sealed file, the material, the wrapped blob."""
