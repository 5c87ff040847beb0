"""The accounting of Timeloop and Sparseloop, their files, and published runs of them."""
