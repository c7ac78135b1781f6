"""Light-weight facial-landmark prediction: 68 points in a cropped face, from data to submission."""
