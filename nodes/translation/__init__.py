"""One kind of picture to another: loader, Translate, style codes, and faces cut out and pasted back."""
