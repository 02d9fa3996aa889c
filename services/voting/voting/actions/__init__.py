"""What can happen in voting, one function each."""
