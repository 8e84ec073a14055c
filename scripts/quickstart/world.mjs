// The little world the quickstart's texts speak about: entities with their attributes, in Chinese and English.
// Everything the package embeds is generated from these tables (generate.mjs); nothing is taken from elsewhere.

export const animals = [
  // zh, en, food zh, food en, place zh, place en, sound/colour zh, en
  ["猫", "cat", "鱼", "fish", "家里", "a house", "灰色", "gray"],
  ["狗", "dog", "骨头", "bones", "院子里", "a yard", "黄色", "yellow"],
  ["牛", "cow", "青草", "grass", "草原上", "the grassland", "黑色", "black"],
  ["马", "horse", "干草", "hay", "马场里", "a stable", "棕色", "brown"],
  ["羊", "sheep", "树叶", "leaves", "山坡上", "the hillside", "白色", "white"],
  ["鸡", "chicken", "玉米", "corn", "农场里", "a farm", "红色", "red"],
  ["鸭子", "duck", "小虾", "shrimps", "池塘里", "a pond", "绿色", "green"],
  ["兔子", "rabbit", "萝卜", "carrots", "草丛里", "the bushes", "白色", "white"],
  ["猴子", "monkey", "香蕉", "bananas", "树上", "a tree", "棕色", "brown"],
  ["熊猫", "panda", "竹子", "bamboo", "竹林里", "a bamboo forest", "黑白色", "black and white"],
  ["老虎", "tiger", "鹿肉", "deer meat", "森林里", "the forest", "橙色", "orange"],
  ["大象", "elephant", "甘蔗", "sugar cane", "雨林里", "the rain forest", "灰色", "gray"],
  ["蜜蜂", "bee", "花蜜", "nectar", "花园里", "a garden", "黄色", "yellow"],
  ["鲸鱼", "whale", "磷虾", "krill", "大海里", "the sea", "蓝色", "blue"],
  ["骆驼", "camel", "刺草", "thorn bushes", "沙漠里", "the desert", "黄色", "yellow"],
  ["松鼠", "squirrel", "松果", "pine cones", "松林里", "a pine forest", "棕色", "brown"],
];

export const fruits = [
  // zh, en, colour zh, en, taste zh, en, season zh, en
  ["苹果", "apple", "红色", "red", "甜", "sweet", "秋天", "autumn"],
  ["香蕉", "banana", "黄色", "yellow", "甜", "sweet", "夏天", "summer"],
  ["柠檬", "lemon", "黄色", "yellow", "酸", "sour", "冬天", "winter"],
  ["葡萄", "grape", "紫色", "purple", "甜", "sweet", "秋天", "autumn"],
  ["西瓜", "watermelon", "绿色", "green", "甜", "sweet", "夏天", "summer"],
  ["桃子", "peach", "粉色", "pink", "甜", "sweet", "夏天", "summer"],
  ["橘子", "tangerine", "橙色", "orange", "酸", "sour", "冬天", "winter"],
  ["草莓", "strawberry", "红色", "red", "甜", "sweet", "春天", "spring"],
  ["梨", "pear", "黄色", "yellow", "甜", "sweet", "秋天", "autumn"],
  ["山楂", "hawthorn", "红色", "red", "酸", "sour", "秋天", "autumn"],
  ["樱桃", "cherry", "红色", "red", "甜", "sweet", "春天", "spring"],
  ["青梅", "green plum", "绿色", "green", "酸", "sour", "春天", "spring"],
];

export const cities = [
  // zh, en, dish zh, en, sight zh, en
  ["北京", "Beijing", "烤鸭", "roast duck", "长城", "the Great Wall"],
  ["上海", "Shanghai", "小笼包", "soup dumplings", "外滩", "the Bund"],
  ["成都", "Chengdu", "火锅", "hot pot", "宽窄巷子", "the old alleys"],
  ["西安", "Xi'an", "肉夹馍", "meat buns", "兵马俑", "the clay soldiers"],
  ["广州", "Guangzhou", "早茶", "morning tea", "小蛮腰", "the tall tower"],
  ["杭州", "Hangzhou", "醋鱼", "vinegar fish", "西湖", "the West Lake"],
  ["武汉", "Wuhan", "热干面", "hot dry noodles", "黄鹤楼", "the Crane Tower"],
  ["长沙", "Changsha", "臭豆腐", "stinky tofu", "橘子洲", "the Orange Island"],
  ["南京", "Nanjing", "盐水鸭", "salted duck", "夫子庙", "the Confucius Temple"],
  ["兰州", "Lanzhou", "牛肉面", "beef noodles", "铁桥", "the Iron Bridge"],
  ["昆明", "Kunming", "米线", "rice noodles", "石林", "the Stone Forest"],
  ["拉萨", "Lhasa", "酥油茶", "butter tea", "布达拉宫", "the Potala Palace"],
];

export const people = ["小明", "小红", "小刚", "小丽", "小华", "小芳", "小军", "小兰", "小强", "小雨"];
export const peopleEn = ["Ming", "Hong", "Gang", "Li", "Hua", "Fang", "Jun", "Lan", "Qiang", "Yu"];

export const places = [
  ["公园", "the park", "跑步", "running"],
  ["学校", "the school", "读书", "reading"],
  ["图书馆", "the library", "写字", "writing"],
  ["河边", "the river", "钓鱼", "fishing"],
  ["操场", "the playground", "踢球", "playing football"],
  ["厨房", "the kitchen", "做饭", "cooking"],
  ["教室", "the classroom", "画画", "painting"],
  ["商店", "the shop", "买东西", "shopping"],
];

export const antonyms = [
  ["大", "小", "big", "small"],
  ["高", "矮", "tall", "short"],
  ["长", "短", "long", "short"],
  ["快", "慢", "fast", "slow"],
  ["冷", "热", "cold", "hot"],
  ["新", "旧", "new", "old"],
  ["多", "少", "many", "few"],
  ["早", "晚", "early", "late"],
  ["远", "近", "far", "near"],
  ["轻", "重", "light", "heavy"],
  ["胖", "瘦", "fat", "thin"],
  ["干净", "脏", "clean", "dirty"],
];

export const things = ["房子", "桌子", "衣服", "箱子", "绳子", "汽车", "书包", "帽子", "椅子", "石头"];
export const thingsEn = ["house", "table", "coat", "box", "rope", "car", "bag", "hat", "chair", "stone"];

export const good = ["好看", "好吃", "有趣", "舒服", "漂亮", "方便"];
export const bad = ["难看", "难吃", "无聊", "难受", "破旧", "麻烦"];

export const digits = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];
export const numbersEn = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** mulberry32: the same texts on every machine. */
export function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    below: (n) => Math.floor(next() * n),
    pick: (list) => list[Math.floor(next() * list.length)],
    shuffle: (list) => {
      const out = [...list];
      for (let i = out.length - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1));
        [out[i], out[j]] = [out[j], out[i]];
      }
      return out;
    },
  };
}
