"""The report: data, scores, errors and label quality on one HTML page."""
