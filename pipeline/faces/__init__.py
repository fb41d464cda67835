"""From a photo to the crop that models see: detection and cropping."""
