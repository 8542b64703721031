"""Making a picture by gradient: what the objectives say of it, the steps that follow, and from coarse to fine."""
