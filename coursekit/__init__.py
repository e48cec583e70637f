"""What the notebooks of Abstract Algorithms Live share; one module, one idea."""
