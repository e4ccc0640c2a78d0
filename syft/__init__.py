"""Syft: Models that are trained while they are encrypted. numpy in, numpy out."""
