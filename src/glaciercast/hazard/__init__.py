"""An outlook on outburst floods: lakes, events, features by the time they could be had, probabilities, verification."""
