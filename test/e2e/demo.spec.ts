import { expect, test } from '@playwright/test';
import { DEMO_MASS, metric, metricNumber, openLabels, openPage, planPixels, planReady } from './page.ts';

test('the demo opens solved, without a complaint from browser or content security policy; presets and suggestions set what they say', async ({ page }) => {
  test.setTimeout(120_000);
  const { calm } = await openPage(page);
  await planReady(page);

  await test.step('opens solved', async () => {
    await expect(page.locator('[data-side="source"] [data-facts]')).toHaveText(/60 ep · 2.144 frames · 20 fps/);
    await expect(page.locator('[data-side="target"] [data-facts]')).toHaveText(/8 ep · 247 frames · 20 fps/);
    await expect(page.getByText('64 × 64 · paired')).toBeVisible();
    await expect(page.locator('[data-backend]')).toHaveText('CPU · float64');
    await expect(metric(page, 'ot_pi_sum')).toHaveText(DEMO_MASS);
    expect(await metricNumber(page, 'gap')).toBeLessThan(1e-6);
    expect(Number((await planPixels(page)).split(' ')[0])).toBeGreaterThan(20);
    // Plotly's frame: axis titles and colour bar, drawn around our pixels.
    await expect(page.locator('[data-heatmap="plan"] .xtitle')).toHaveText('target j · real');
    await expect(page.locator('[data-heatmap="plan"] .cbaxis')).toBeVisible();
    await expect(page.locator('.regime .plot .hm image, .regime .heatmaplayer image')).toHaveCount(1);
  });

  await test.step('the objective identity on the page holds to the digits shown', async () => {
    const mass = await metricNumber(page, 'ot_pi_sum');
    const objective = await metricNumber(page, 'primal');
    expect(Math.abs(objective - 0.11 * (1 - mass))).toBeLessThan(1e-3);
    await expect(page.getByText('the mass is the objective')).toBeVisible();
  });

  await test.step('the cursor is shared: mouse on a term, arrows on the plan, the best targets', async () => {
    await page.locator('[data-heatmap="term-0"]').hover({ position: { x: 64, y: 32 } });
    const title = page.locator('.inspector .aside-title b').first();
    const hovered = await title.textContent();
    await page.mouse.move(0, 0);
    await page.getByRole('application', { name: /Plan π, 64 by 64/ }).focus();
    await page.keyboard.press('ArrowDown');
    await expect(title).not.toHaveText(hovered ?? '');
    await page.locator('.best button').first().click();
    await expect(page.locator('.inspector .frames canvas')).toHaveCount(2);
    await expect(page.locator('.crosshair').first()).toBeVisible();
  });

  await test.step('the Fork preset shows the mass die, and Balanced shows its marginals met', async () => {
    const preset = page.getByRole('combobox', { name: 'Preset' });
    await preset.selectOption('fork');
    await expect(page.locator('[data-warning="mass-collapse"]')).toBeVisible();
    await expect(metric(page, 'ot_pi_sum')).toHaveText(/^\d\.\de−3\d$/);
    const note = page.locator('[data-explained="balance"]');
    await expect(note.getByRole('heading', { name: 'The loss is dead' })).toBeVisible();
    await expect(note.getByRole('img', { name: /^Gradient of transport over that of cloning: 10 to the −\d/ })).toBeVisible();
    await expect(note.getByRole('button', { name: 'Set τ for 0.150' })).toBeVisible();
    await preset.selectOption('balanced');
    await expect.poll(() => metricNumber(page, 'ot_pi_sum')).toBeCloseTo(1, 3);
    await expect.poll(() => metricNumber(page, '|π1 − a|')).toBeLessThan(1e-6);
    await preset.selectOption('toy');
    await expect(page.getByRole('textbox', { name: 'reg', exact: true })).toHaveValue('0.0100');
  });

  await test.step('suggest sets reg from the costs and τ for a healthy mass', async () => {
    await page.getByRole('button', { name: 'suggest' }).click();
    await expect.poll(() => metricNumber(page, 'ot_pi_sum')).toBeCloseTo(0.15, 2);
    await expect(page.locator('.notice')).toContainText('inside 0.05–0.30');
  });
  calm();
});

test('sliders, number boxes and modes: each moves plan and readings, or says what it cannot take', async ({ page }) => {
  test.setTimeout(120_000);
  const { calm } = await openLabels(page);
  await planReady(page);

  await test.step('POT parity and fast are both there and named', async () => {
    const fast = await metricNumber(page, 'ot_pi_sum');
    await page.getByRole('button', { name: 'POT parity' }).click();
    await expect(page.locator('.plan-head .status')).toHaveText(/^(stopped at )?\d{2,4} it/);
    expect(Math.abs((await metricNumber(page, 'ot_pi_sum')) - fast)).toBeLessThan(0.01);
    await page.getByRole('button', { name: 'fast', exact: true }).click();
    await expect(page.locator('.plan-head .status')).toHaveText(/^\d{1,2} it/);
  });

  await test.step('a slider moves plan, readings and terms; its number box agrees; the keyboard works', async () => {
    const before = await planPixels(page);
    const mass = await metricNumber(page, 'ot_pi_sum');
    const slider = page.getByRole('slider', { name: 'τ₁', exact: true });
    await slider.focus();
    for (let k = 0; k < 40; k++) await page.keyboard.press('ArrowRight');
    await expect.poll(() => planPixels(page)).not.toBe(before);
    await expect.poll(() => metricNumber(page, 'ot_pi_sum')).toBeGreaterThan(mass);
    const box = page.getByRole('textbox', { name: 'τ₁', exact: true });
    await box.fill('inf');
    await box.press('Enter');
    await expect(box).toHaveValue('∞');
    await expect(metric(page, 'gap')).toHaveText('–');
    await expect.poll(() => metricNumber(page, '|π1 − a|')).toBeLessThan(1e-6);
    await expect.poll(() => metricNumber(page, 'ot_pi_sum')).toBeCloseTo(1, 2);
    await box.fill('0.05');
    await box.press('Enter');
    await expect.poll(() => metricNumber(page, 'ot_pi_sum')).toBe(mass);
  });

  await test.step('the diagonal prior says what it is, shows the closed form, and one click softens it', async () => {
    await page.getByRole('group', { name: 'prior c' }).getByRole('button', { name: 'diag' }).click();
    const chip = page.locator('[data-warning="hard-diagonal"]');
    await expect(chip).toContainText('every off-diagonal cell is exactly 0');
    await expect(page.getByText('reg and τ are interchangeable')).toBeVisible();
    await chip.getByRole('button', { name: /^Explain: Hard mask/ }).click();
    const welsch = page.locator('[data-explained="welsch"] dd');
    // The mean of the Welsch losses of the pairs is the objective.
    expect(await welsch.nth(0).textContent()).toBe(await welsch.nth(1).textContent());
    await expect.poll(async () => (await metric(page, 'diag_ratio').textContent()) ?? '').toBe('1.00');
    await chip.getByRole('button', { name: 'Use soft 0.100' }).click();
    await expect(chip).toHaveCount(0);
    await expect(page.getByRole('textbox', { name: 'ε' })).toHaveValue('0.100');
  });

  await test.step('a reading is explained on the present problem: the sign of the shown cost, and what POT returns', async () => {
    await page.getByRole('button', { name: 'Explain: Cost' }).click();
    await expect(page.locator('[data-sign="opposite"], [data-sign="same"]')).toBeVisible();
    const box = page.getByRole('textbox', { name: 'reg', exact: true });
    const prior = page.getByRole('group', { name: 'prior c' });
    await prior.getByRole('button', { name: 'product' }).click();
    await box.fill('1e-4');
    await box.press('Enter');
    await page.locator('[data-warning="pot-breaks"]').getByRole('button', { name: /^Explain: POT breaks/ }).click();
    await expect(page.locator('[data-pot] canvas')).toHaveCount(3);
    await page.getByRole('button', { name: 'Close the explanation' }).click();
    await expect(page.locator('[data-explained]')).toHaveCount(0);
    await box.fill('0.01');
    await box.press('Enter');
    await expect(page.locator('[data-warning="pot-breaks"]')).toHaveCount(0);
  });

  await test.step('what a number box cannot take is said and changes nothing', async () => {
    const box = page.getByRole('textbox', { name: 'reg', exact: true });
    const mass = await metric(page, 'ot_pi_sum').textContent();
    for (const bad of ['0', '-1', 'abc', '1e13', '1e-13']) {
      await box.fill(bad);
      await expect(box).toHaveAttribute('aria-invalid', 'true');
      await expect(box).toHaveAttribute('title', 'reg must be positive, from 1e−12 to 1e12');
      await box.press('Enter');
      await expect(box).toHaveValue('0.0100');
    }
    await expect(metric(page, 'ot_pi_sum')).toHaveText(mass ?? '');
    for (const extreme of ['1e-12', '1e12']) {
      await box.fill(extreme);
      await box.press('Enter');
      await expect(page.locator('.plan-head .status')).toHaveText(/\d+ it/);
      await planReady(page);
    }
  });
  calm();
});

test('maps: a zoom is shared by all, and a sweep over reg, τ and prior moves no box by a pixel', async ({ page }) => {
  test.setTimeout(120_000);
  const { calm } = await openLabels(page);
  await planReady(page);

  await test.step('dragging over the plan zooms every map to the same cells, a double click shows all again', async () => {
    await expect(page.locator('[data-heatmap="plan"] .cbaxis')).toBeVisible();
    const before = await page.locator('[data-heatmap="term-0"] canvas').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
    const plan = page.locator('[data-heatmap="plan"] canvas');
    const box = (await plan.boundingBox())!;
    await page.mouse.move(box.x + 70, box.y + 70);
    await page.mouse.down();
    await page.mouse.move(box.x + 140, box.y + 140, { steps: 4 });
    await page.mouse.move(box.x + 210, box.y + 210, { steps: 4 });
    await page.mouse.up();
    const zoomed = (): Promise<string> => page.locator('[data-heatmap="term-0"] canvas').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
    await expect.poll(zoomed).not.toBe(before);
    await page.mouse.dblclick(box.x + 200, box.y + 200);
    await expect.poll(zoomed).toBe(before);
  });

  await test.step('a sweep over reg, τ and prior', async () => {
    await expect(page.locator('[data-heatmap="plan"] .cbaxis')).toBeVisible();
    const boxes = (): Promise<string> =>
      page.evaluate(() =>
        JSON.stringify(
          [...document.querySelectorAll('.top, .rail section, .rail h3, .plan-head, .plan-head > *, .notice, .plan-box, .plan-box canvas, .aside, .terms, .term, .metric, .slider-row, .segmented, .regime')].map((element) => {
            const { x, y, width, height } = element.getBoundingClientRect();
            return [String(element.classList[0]), x, y, width, height];
          }),
        ),
      );
    const before = await boxes();
    const slider = (name: string) => page.getByRole('slider', { name, exact: true });
    for (const [name, values] of [
      ['reg', ['0', '300', '1000', '400']],
      ['τ₁', ['0', '1000', '500']],
      ['τ₂', ['1000', '100', '500']],
    ] as const)
      for (const value of values) {
        await slider(name).fill(value);
        await page.waitForTimeout(60);
        expect(await boxes(), `${name} at ${value}`).toBe(before);
      }
    for (const prior of ['ones', 'soft', 'band', 'diag', 'product']) {
      await page.getByRole('group', { name: 'prior c' }).getByRole('button', { name: prior }).click();
      await page.waitForTimeout(60);
      expect(await boxes(), prior).toBe(before);
    }
  });
  calm();
});
