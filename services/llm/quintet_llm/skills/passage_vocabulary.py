"""Which words of a question mean nothing by themselves, which mean little, and which mean the same."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EMPTY = _words(
    # English, with what is said about documents themselves.
    """
    a about according all also am an and another any anybody anyone anything are as at be been being but by can
    could describe described did do does document documents don done each either explain file files find for from
    get give had has have he her here him his how i if in into is it its just know let like may me mean means
    mention mentioned might more most much must my no not of on one only or other our out page passage please say
    says said shall she should show so some such tell text than that the their them then there these they this those
    to too up us very was we were what when where whether which while who whom whose why will with would you your
    yes s t re ve ll d m
    """
    # German, Dutch.
    """
    aber als am auch auf aus bei bin bis das dass dem den der des die dies diese du ein eine einem einen einer es
    für hat ich ihr im ist kann man mein mit muss nach nicht oder sich sie sind und vom von vor wann war warum was
    welche welcher welches wem wen wenn wer werden wie wieviel wird wo wobei wofür woher wohin womit woran worin zu
    zum zur een het de van voor zijn hoe waar waarom wanneer welke wie wordt
    """
    # French, Spanish, Portuguese, Italian.
    """
    au aux avec ce ces cette comment dans des du elle en est et il ils je la le les leur mais où par pas pour
    pourquoi quand que quel quelle quelles quels qui quoi sa se ses son sont sur un une combien el los las del cómo
    como con cuál cuales cuando cuándo cuánto cuántos dónde donde es esta este lo más para pero por porque qué quién
    son su sus una unos y ao às com da das do dos em foi mas na nas no nos não o os ou pela pelo qual quais quando
    quanto quantos onde quem são sua um uma che chi come cosa dei della delle di dove gli i ma nel nella perché
    quale quali quanti quanto si sono
    """
)
"""Words that are in every text, and what is said about documents themselves."""
LIGHT = _words(
    # Words of the frame of a question: they ask for something, and the answer often says it with other words.
    """
    amount answer ask become before after begin big book build built buy call called cause command change come
    contain cost create deep exactly far fast first found good great guide happen hard heavy help high hold include
    keep kept kind large last late long look lot made main make many manual name need new next now number often old
    open part people person place put reason right rule same section see set short small soon start step still stop
    take tall thing time type usual use value version way wide work year day person long best better possible
    gemacht machen geht lang lange groß alt viel viele oft hoch faire fait long grand vieux hacer hace grande alto
    """
)
"""Words of the frame of a question."""
SAME = {
    word: group[0]
    for group in (
        ("begin", "start", "began", "begun"),
        ("found", "establish", "built", "construct", "build", "create", "make", "made"),
        ("write", "written", "wrote", "author"),
        ("cost", "price", "pay", "paid", "fee"),
        ("clean", "wash", "cleanse"),
        ("repair", "mend", "fix"),
        ("buy", "bought", "purchase"),
        ("keep", "kept"),
        ("delete", "remove", "erase"),
        ("setup", "install"),
        ("send", "sent"),
        ("lead", "led"),
        ("hold", "held"),
        ("teach", "taught"),
        ("give", "gave", "given"),
        ("choose", "chose", "chosen"),
        ("child", "children"),
        ("ship", "vessel"),
        ("doctor", "physician"),
    )
    for word in group
}
"""The head of each group of words that an answer uses for one another, by word."""
