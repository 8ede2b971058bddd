__version__ = "2.fake"
