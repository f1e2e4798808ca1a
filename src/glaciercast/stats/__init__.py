"""What several rooms need and none owns: pure functions over arrays."""
