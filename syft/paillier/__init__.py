"""Paillier's cryptosystem for matrices: keys, packed tensors, openings."""
