"""The obvious NumPy and SciPy forms of what ffnet3d does faster: to measure and to test against."""
