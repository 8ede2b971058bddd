"""The words of made-up defect reports."""

WORDS = """the a of in on near at there is are was shows appears visible small large deep thin dark bright scratch scratches crack
dent stain hole missing bent broken surface edge corner centre left right upper lower part component board solder connector
capsule shell wood grain metal plate causing probably manufacturing handling pressure tool worn replaced inspection
temperature humidity cleaning machine operator training regular should be checked prevented reduced""".split()
