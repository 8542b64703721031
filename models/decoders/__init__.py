"""Features back to pictures: decoder (the counterpart of an encoder), inverse_vgg (for AdaIN and WCT), rendering (in tiles)."""
