"""The Mine's folder and its journal."""
