"""Power loss: images of file systems copied under a build, and what the next build makes of them."""
