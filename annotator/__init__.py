"""The web app: raters judge, owners launch rounds, everything is remembered."""
