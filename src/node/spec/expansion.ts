// `$(NAME)` in commands, arguments and values: known names are replaced, unknown ones stay as written, `$$` is a `$`.

export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  if (!text.includes('$')) return text;
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, first: string, name: string | undefined) => {
    if (first === '$') return '$';
    return variables.get(name ?? '') ?? whole;
  });
}
