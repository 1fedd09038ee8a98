"""What is done with a trial of a sweep that has ended: reproduce, retrain, export."""
