"""The few sentences that are spoken in every language of Quintet, and which language a text is in."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """What people say in one language, as even texts, and what is answered to it.

    `unable` contains `{remedy}`, the command that tells what can be added.
    """

    hellos: frozenset[str]
    thanks: frozenset[str]
    goodbyes: frozenset[str]
    hello_answer: str
    thanks_answer: str
    goodbye_answer: str
    unable: str


def _phrases(hellos: str, thanks: str, goodbyes: str, *answers: str) -> Phrases:
    hello, thank, goodbye, unable = answers
    return Phrases(_texts(hellos), _texts(thanks), _texts(goodbyes), hello, thank, goodbye, unable)


def _texts(listed: str) -> frozenset[str]:
    return frozenset(part.strip() for part in listed.split(","))


PHRASES: dict[str, Phrases] = {
    "en": _phrases(
        "hi, hello, hey, hiya, howdy, hi there, hello there, hey there, good morning, good afternoon, good evening, "
        "good day, greetings, "
        "yo, hello again, hi again, morning, evening, heya, sup, hi quintet, hello quintet, hey quintet, hi "
        "assistant, hello assistant, "
        "hi everyone, hello everyone, hello world, hullo, helo, helloo, hellooo, hii, heyy, g'day, hi bot, hello "
        "bot, hello friend, hi friend",
        "thanks, thank you, thank u, thx, ty, cheers, thank you very much, thanks a lot, many thanks, thank you so "
        "much, "
        "thanks so much, "
        "thanks for your help, thank you for your help, thanks for the help, thank you for the help, much "
        "appreciated, thanks a million, "
        "great thanks, ok thanks, okay thanks, ok thank you, okay thank you, perfect thanks, perfect thank you, "
        "great thank you, "
        "cool thanks, awesome thanks, i appreciate it, thanks a bunch, thanks again, thank you again, no thanks, "
        "thanks quintet, thanks man",
        "bye, goodbye, good bye, bye bye, see you, see you later, see ya, good night, cya, later, farewell, talk to "
        "you later, "
        "see you soon, see you tomorrow, have a nice day, have a good day, take care, goodnight, until next time, "
        "bye for now, ttyl, "
        "that's all, that is all, bye quintet, goodbye quintet, i have to go, catch you later, so long",
        "Hello! How can I help?",
        "You're welcome!",
        "Goodbye!",
        "I can't answer that, because no language model is installed here; `{remedy}` shows how to add one.",
    ),
    "es": _phrases(
        "hola, buenos días, buenos dias, buenas tardes, buenas noches, buenas, qué tal, que tal, hola qué tal, hola "
        "que tal",
        "gracias, muchas gracias, mil gracias, gracias por tu ayuda, gracias por su ayuda",
        "adiós, adios, hasta luego, hasta pronto, hasta mañana, nos vemos, chau",
        "¡Hola! ¿En qué puedo ayudarte?",
        "¡De nada!",
        "¡Adiós!",
        "No puedo responder a eso porque aquí no hay instalado ningún modelo de lenguaje; ejecuta `{remedy}` para "
        "ver qué se puede añadir.",
    ),
    "fr": _phrases(
        "bonjour, salut, bonsoir, coucou, bonjour à tous, salut ça va, bonjour ça va",
        "merci, merci beaucoup, merci bien, mille mercis, je vous remercie, je te remercie",
        "au revoir, à bientôt, a bientot, à plus, bonne nuit, à demain, adieu, bonne journée",
        "Bonjour ! Comment puis-je vous aider ?",
        "Je vous en prie !",
        "Au revoir !",
        "Je ne peux pas répondre à cela, car aucun modèle de langue n'est installé ici ; lancez `{remedy}` pour voir "
        "ce qui peut être ajouté.",
    ),
    "de": _phrases(
        "hallo, guten morgen, guten tag, guten abend, moin, servus, grüß gott, gruss gott, grüezi, hallo zusammen, "
        "hallo du, grüss gott",
        "danke, danke schön, danke schoen, vielen dank, dankeschön, danke sehr, herzlichen dank, tausend dank",
        "tschüss, tschüß, tschüs, tschuess, auf wiedersehen, bis später, bis bald, gute nacht, bis morgen, ade",
        "Hallo! Wie kann ich helfen?",
        "Gern geschehen!",
        "Auf Wiedersehen!",
        "Das kann ich nicht beantworten, weil hier kein Sprachmodell installiert ist; `{remedy}` zeigt, was "
        "hinzugefügt werden kann.",
    ),
    "it": _phrases(
        "ciao, buongiorno, buon giorno, buonasera, buona sera, salve, buon pomeriggio, ciao come stai, pronto",
        "grazie, grazie mille, molte grazie, tante grazie, ti ringrazio, la ringrazio",
        "arrivederci, addio, a dopo, a presto, buonanotte, buona notte, a domani, ciao ciao",
        "Ciao! Come posso aiutarti?",
        "Prego!",
        "Arrivederci!",
        "Non posso rispondere, perché qui non è installato alcun modello linguistico; esegui `{remedy}` per vedere "
        "che cosa si può aggiungere.",
    ),
    "pt": _phrases(
        "olá, ola, oi, bom dia, boa tarde, boa noite, oi tudo bem, olá tudo bem, tudo bem, e aí",
        "obrigado, obrigada, muito obrigado, muito obrigada, valeu, obrigado pela ajuda",
        "tchau, até logo, ate logo, até mais, adeus, até amanhã, até breve",
        "Olá! Como posso ajudar?",
        "De nada!",
        "Até logo!",
        "Não posso responder a isso, porque não há nenhum modelo de linguagem instalado aqui; execute `{remedy}` "
        "para ver o que pode ser adicionado.",
    ),
    "ru": _phrases(
        "привет, здравствуйте, здравствуй, доброе утро, добрый день, добрый вечер, приветствую, хай, всем привет",
        "спасибо, большое спасибо, спасибо большое, благодарю, благодарю вас, спасибо за помощь",
        "пока, до свидания, до встречи, прощай, спокойной ночи, до завтра, увидимся",
        "Здравствуйте! Чем могу помочь?",
        "Пожалуйста!",
        "До свидания!",
        "Я не могу на это ответить, потому что здесь не установлена языковая модель; выполните `{remedy}`, чтобы "
        "узнать, что можно добавить.",
    ),
    "ja": _phrases(
        "こんにちは, こんばんは, おはよう, おはようございます, もしもし, やあ, はじめまして, どうも, こんにちわ, "
        "ハロー",
        "ありがとう, ありがとうございます, どうもありがとう, どうもありがとうございます, 感謝します, サンキュー, "
        "ありがとうございました",
        "さようなら, さよなら, またね, じゃあね, おやすみ, おやすみなさい, バイバイ, また明日, では、また",
        "こんにちは!何かお手伝いできますか?",
        "どういたしまして!",
        "さようなら!",
        "ここには言語モデルがインストールされていないため、お答えできません。追加できるものは `{remedy}` "
        "で確認できます。",
    ),
    "ko": _phrases(
        "안녕, 안녕하세요, 안녕하십니까, 여보세요, 반가워요, 반갑습니다, 좋은 아침, 좋은 아침이에요, 하이",
        "고마워, 고마워요, 감사합니다, 고맙습니다, 정말 감사합니다, 대단히 감사합니다, 땡큐",
        "안녕히 가세요, 안녕히 계세요, 잘 가, 잘 가요, 또 봐요, 잘 자, 안녕히 주무세요, 나중에 봐, 바이바이",
        "안녕하세요! 무엇을 도와드릴까요?",
        "천만에요!",
        "안녕히 가세요!",
        "여기에는 언어 모델이 설치되어 있지 않아 대답할 수 없습니다. `{remedy}`를 실행하면 추가할 수 있는 것을 볼 수 "
        "있습니다.",
    ),
    "zh": _phrases(
        "你好, 您好, 嗨, 早上好, 早安, 下午好, 晚上好, 大家好, 哈喽, 你好啊, 喂, 早",
        "谢谢, 谢谢你, 谢谢您, 多谢, 非常感谢, 感谢, 十分感谢, 謝謝",
        "再见, 拜拜, 晚安, 明天见, 回头见, 再會, 再見, 待会儿见",
        "你好!有什么可以帮您?",
        "不客气!",
        "再见!",
        "我无法回答这个问题,因为这里没有安装语言模型;运行 `{remedy}` 可以查看能够添加的内容。",
    ),
    "ar": _phrases(
        "مرحبا, مرحباً, مرحبًا, السلام عليكم, أهلا, أهلاً, أهلا وسهلا, صباح الخير, مساء الخير, اهلا, سلام",
        "شكرا, شكراً, شكرًا, شكرا جزيلا, شكراً جزيلاً, شكرا لك, أشكرك, ألف شكر",
        "مع السلامة, وداعا, وداعاً, إلى اللقاء, الى اللقاء, تصبح على خير, أراك لاحقا",
        "مرحباً! كيف يمكنني مساعدتك؟",
        "على الرحب والسعة!",
        "مع السلامة!",
        "لا أستطيع الإجابة عن ذلك لأنه لا يوجد نموذج لغوي مثبّت هنا؛ شغّل `{remedy}` لترى ما يمكن إضافته.",
    ),
    "hi": _phrases(
        "नमस्ते, नमस्कार, हैलो, हेलो, सुप्रभात, शुभ संध्या, प्रणाम, राम राम, हाय, शुभ प्रभात, नमस्ते जी, namaste",
        "धन्यवाद, शुक्रिया, बहुत धन्यवाद, बहुत बहुत धन्यवाद, बहुत शुक्रिया, आपका धन्यवाद, थैंक यू",
        "अलविदा, फिर मिलेंगे, शुभ रात्रि, बाय, फिर मिलते हैं, कल मिलेंगे",
        "नमस्ते! आपकी क्या मदद करूँ?",
        "आपका स्वागत है!",
        "अलविदा!",
        "मेरे पास इसका उत्तर नहीं है, क्योंकि यहाँ कोई भाषा मॉडल स्थापित नहीं है; क्या जोड़ा जा सकता है, यह देखने के "
        "लिए `{remedy}` चलाएँ।",
    ),
    "ur": _phrases(
        "السلام علیکم, سلام علیکم, آداب, ہیلو, صبح بخیر, شام بخیر, خوش آمدید, اسلام علیکم",
        "شکریہ, بہت شکریہ, آپ کا شکریہ, بہت بہت شکریہ, مہربانی",
        "خدا حافظ, اللہ حافظ, شب بخیر, پھر ملیں گے, الوداع",
        "السلام علیکم! میں آپ کی کیا مدد کر سکتا ہوں؟",
        "خوش آمدید!",
        "خدا حافظ!",
        "میں اس کا جواب نہیں دے سکتا، کیونکہ یہاں کوئی زبان کا ماڈل نصب نہیں ہے؛ کیا شامل کیا جا سکتا ہے، یہ دیکھنے "
        "کے لیے `{remedy}` چلائیں۔",
    ),
    "th": _phrases(
        "สวัสดี, สวัสดีครับ, สวัสดีค่ะ, หวัดดี, อรุณสวัสดิ์, ฮัลโหล, สวัสดีคะ, หวัดดีครับ, หวัดดีค่ะ",
        "ขอบคุณ, ขอบคุณครับ, ขอบคุณค่ะ, ขอบคุณมาก, ขอบคุณมากครับ, ขอบคุณมากค่ะ, ขอบใจ",
        "ลาก่อน, บาย, ราตรีสวัสดิ์, แล้วเจอกัน, แล้วพบกันใหม่, ไปก่อนนะ",
        "สวัสดี! มีอะไรให้ช่วยไหม",
        "ยินดีครับ!",
        "ลาก่อน!",
        "ตอบคำถามนี้ไม่ได้ เพราะไม่มีแบบจำลองภาษาติดตั้งอยู่ที่นี่ เรียกใช้ `{remedy}` เพื่อดูสิ่งที่เพิ่มได้",
    ),
    "mr": _phrases(
        "नमस्कार मंडळी, सुप्रभात मंडळी, कसे आहात, कसा आहेस, कशी आहेस, शुभ सकाळ, शुभ संध्याकाळ, राम कृष्ण हरी, जय "
        "महाराष्ट्र, नमस्कार कसे आहात",
        "आभारी आहे, धन्यवाद मित्रा, खूप धन्यवाद, खूप आभार, आपला आभारी आहे, मनःपूर्वक धन्यवाद, आभार",
        "पुन्हा भेटू, निरोप, शुभ रात्री, भेटूया, येतो, उद्या भेटू",
        "नमस्कार! मी तुमची काय मदत करू?",
        "तुमचे स्वागत आहे!",
        "पुन्हा भेटू!",
        "मी याचे उत्तर देऊ शकत नाही, कारण येथे कोणतेही भाषा मॉडेल स्थापित केलेले नाही; काय जोडता येईल ते पाहण्यासाठी "
        "`{remedy}` चालवा.",
    ),
}
# What Marathi shares with Hindi is answered in Marathi only where the request says so.

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("ur", re.compile(r"[ٹڈڑںےہگچپژ]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("mr", re.compile(r"ळ|\b(?:आहे|काय|तुम्ही|नाही|आहेत|मला)(?!\w)")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_COMMON_WORDS = {
    "es": frozenset(
        [
            "qué",
            "que",
            "cómo",
            "como",
            "cuál",
            "cuéntame",
            "dime",
            "por",
            "el",
            "la",
            "los",
            "las",
            "una",
            "es",
            "está",
            "un",
            "escribe",
            "sobre",
            "para",
            "quién",
            "dónde",
        ]
    ),
    "fr": frozenset(
        [
            "quel",
            "quelle",
            "est-ce",
            "que",
            "comment",
            "pourquoi",
            "le",
            "la",
            "les",
            "une",
            "est",
            "un",
            "des",
            "du",
            "dans",
            "qui",
            "où",
            "moi",
            "écris",
            "raconte",
            "sur",
        ]
    ),
    "de": frozenset(
        [
            "was",
            "wie",
            "warum",
            "wer",
            "der",
            "die",
            "das",
            "ist",
            "ein",
            "eine",
            "und",
            "mir",
            "über",
            "erzähl",
            "schreib",
            "nicht",
            "ich",
            "du",
            "wo",
            "kannst",
        ]
    ),
    "it": frozenset(
        [
            "che",
            "cosa",
            "come",
            "perché",
            "chi",
            "il",
            "lo",
            "la",
            "gli",
            "una",
            "è",
            "un",
            "dove",
            "mi",
            "della",
            "sono",
            "racconta",
            "scrivi",
            "di",
            "raccontami",
        ]
    ),
    "pt": frozenset(
        [
            "o",
            "que",
            "como",
            "por",
            "quem",
            "os",
            "as",
            "uma",
            "é",
            "um",
            "onde",
            "me",
            "você",
            "não",
            "conte",
            "escreva",
            "sobre",
            "qual",
            "do",
            "da",
            "em",
        ]
    ),
}
_ENGLISH_WORDS = frozenset(
    [
        "the",
        "is",
        "what",
        "how",
        "a",
        "an",
        "who",
        "why",
        "where",
        "when",
        "do",
        "does",
        "can",
        "i",
        "you",
        "me",
        "my",
        "of",
        "to",
        "write",
        "tell",
    ]
)
_SEEN = 500


def guess_language(text: str) -> str:
    """Guesses the primary tag of a text's language by its script and commonest words; `en` if nothing tells."""
    start = text[:_SEEN]
    for language, letters in _SCRIPTS:
        if letters.search(start):
            return language
    words = set(re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)?", start.casefold()))
    best = max(_COMMON_WORDS, key=lambda language: len(words & _COMMON_WORDS[language]))
    found = len(words & _COMMON_WORDS[best])
    return best if found >= 2 and found > len(words & _ENGLISH_WORDS) else "en"


def language_of(text: str, requested: str) -> str:
    """Returns the language to answer in: the requested one if it is known, else the text's own."""
    primary = requested.partition("-")[0].casefold()
    return primary if primary in PHRASES else guess_language(text)
