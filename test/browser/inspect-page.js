// Runs in the page: what a person would see of it, and what might go on behind their back.
;(() => {
  const parse = (color) => {
    const numbers = /^rgba?\(([^)]*)\)$/
      .exec(color)?.[1]
      .split(/[\s,/]+/)
      .map(Number)
    if (numbers === undefined) throw new Error(`a colour of unknown form: ${color}`)
    const [red, green, blue, alpha = 1] = numbers
    return { red, green, blue, alpha }
  }
  const over = (front, back) => {
    const mix = (name) => front[name] * front.alpha + back[name] * (1 - front.alpha)
    return { red: mix('red'), green: mix('green'), blue: mix('blue'), alpha: 1 }
  }
  // WCAG 2.2, relative luminance and contrast ratio.
  const luminance = (color) => {
    const linear = (value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4
    return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue)
  }
  const contrast = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x)
    return (light + 0.05) / (dark + 0.05)
  }
  const ancestors = (element) =>
    element === null ? [] : [...ancestors(element.parentElement), element]

  const canvas = document.createElement('i')
  canvas.style.background = 'Canvas'
  document.body.append(canvas)
  const blank = parse(getComputedStyle(canvas).backgroundColor)
  canvas.remove()

  const colorsOf = (element) => {
    const line = ancestors(element).map((each) => getComputedStyle(each))
    const back = line.reduce((under, style) => over(parse(style.backgroundColor), under), blank)
    const opacity = line.reduce((product, style) => product * Number(style.opacity), 1)
    const ink = parse(getComputedStyle(element).color)
    return { back, ink: over({ ...ink, alpha: ink.alpha * opacity }, back) }
  }

  const texts = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const { parentElement, textContent } = walker.currentNode
    if (textContent.trim() === '' || !parentElement.checkVisibility()) continue
    const { back, ink } = colorsOf(parentElement)
    texts.push({
      text: textContent.trim().slice(0, 60),
      contrast: contrast(ink, back),
      pixels: Number.parseFloat(getComputedStyle(parentElement).fontSize),
    })
  }

  const scrolls = (element) =>
    ancestors(element).some((each) => /auto|scroll/.test(getComputedStyle(each).overflowX))
  const everything = [...document.body.querySelectorAll('*')]
  return {
    title: document.title,
    lang: document.documentElement.lang,
    text: document.body.innerText,
    back: luminance(colorsOf(document.body).back),
    texts,
    /** Beyond the right edge of the screen. */
    overflowPixels: document.documentElement.scrollWidth - innerWidth,
    jutting: everything
      .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5 && !scrolls(each))
      .map((each) => each.outerHTML.slice(0, 80)),
    targets: [...document.querySelectorAll('a, button, summary, input')]
      .filter((each) => each.checkVisibility())
      .map((each) => ({
        text: each.innerText.trim().slice(0, 60),
        isInText: getComputedStyle(each).display === 'inline',
        height: each.getBoundingClientRect().height,
        width: each.getBoundingClientRect().width,
      })),
    scripts: [
      ...[...document.scripts].map((each) => each.outerHTML.slice(0, 80)),
      ...[...document.querySelectorAll('*')].flatMap((each) =>
        [...each.attributes]
          .filter(({ name, value }) => /^on/i.test(name) || /^\s*javascript:/i.test(value))
          .map(({ name }) => `${each.tagName} ${name}`),
      ),
    ],
  }
})()
