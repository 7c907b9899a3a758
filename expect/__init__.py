"""EXPECT: what Calico should have put where, and because of which object and field. Pure."""
